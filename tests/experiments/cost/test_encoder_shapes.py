from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModel,
    AutoModelForTextEncoding,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    ModernBertConfig,
    PreTrainedConfig,
    Qwen3Config,
    RobertaConfig,
    T5Config,
)

from encore.experiments.cost import BUILT_IN, EncoderShape, encoder_shape
from encore.featurestore.errors import UsageError

SMALL = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 50}


@pytest.mark.parametrize(
    ("name", "layers", "width", "millions"),
    [
        ("roberta-large", 24, 1024, 302),
        ("roberta-base", 12, 768, 85),
        ("distilroberta", 6, 768, 42.5),
        ("bert-base", 12, 768, 85),
        ("minilm", 6, 384, 10.6),
    ],
)
def test_built_in_encoders_have_their_published_sizes(name: str, layers: int, width: int, millions: float) -> None:
    shape = encoder_shape(name)
    assert (shape.name, shape.num_layers, shape.hidden_size, shape.attention_width) == (name, layers, width, width)
    # Weights of the matrices of all layers, as in the papers: 12 d² a layer.
    assert shape.layer_weights == 12 * width**2
    assert layers * shape.layer_weights / 10**6 == pytest.approx(millions, rel=0.01)
    assert set(BUILT_IN) >= {name}


@pytest.mark.parametrize(
    "config",
    [
        BertConfig(**SMALL, intermediate_size=96),
        RobertaConfig(**SMALL, intermediate_size=256),
        DistilBertConfig(dim=64, n_layers=3, n_heads=4, hidden_dim=96, vocab_size=50),
        ModernBertConfig(
            **SMALL,
            intermediate_size=96,
            pad_token_id=0,
            bos_token_id=0,
            eos_token_id=0,
            cls_token_id=0,
            sep_token_id=0,
            global_attn_every_n_layers=1,
        ),
        T5Config(
            d_model=64, num_layers=3, num_heads=4, d_kv=24, d_ff=96, vocab_size=50, feed_forward_proj="gated-gelu"
        ),
        Qwen3Config(**SMALL, intermediate_size=96, num_key_value_heads=2, head_dim=24),
        GPT2Config(**SMALL),
        GPT2Config(**SMALL, n_inner=96),
    ],
    ids=lambda config: config.model_type,
)
def test_the_count_of_a_config_is_that_of_the_model_that_runs(config: PreTrainedConfig, tmp_path: Path) -> None:
    tokens = 11
    config.save_pretrained(tmp_path)
    auto = AutoModelForTextEncoding if config.model_type == "t5" else AutoModel
    model = auto.from_config(config, attn_implementation="eager").eval()
    if hasattr(model, "pooler"):
        model.pooler = None
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(input_ids=torch.ones(1, tokens, dtype=torch.long))
    shape = encoder_shape(str(tmp_path))
    assert shape.num_layers == 3
    # Rotary embeddings multiply positions by frequencies: at most some hundred.
    assert counter.get_total_flops() == pytest.approx(shape.pass_flops(tokens), rel=1e-4)


def test_a_config_needs_no_weights_beside_it_and_is_named_as_its_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    BertConfig(**SMALL, intermediate_size=96).save_pretrained(tmp_path / "mine")
    assert encoder_shape(str(tmp_path / "mine")) == EncoderShape.of_bert("mine", 3, 64, 96)


def test_of_the_hub_only_the_config_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BertConfig(**SMALL, intermediate_size=96).save_pretrained(tmp_path)
    asked: list[Any] = []

    def snapshot_download(repo_id: str, allow_patterns: list[str], *, local_files_only: bool) -> str:
        assert not local_files_only
        asked.append((repo_id, allow_patterns))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert encoder_shape("hf:someone/theirs").layer_weights == 4 * 64**2 + 2 * 64 * 96
    assert asked == [("someone/theirs", ["config.json"])]


def test_an_unknown_encoder_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match=r"no such directory.*known without files: roberta-large, .*minilm"):
        encoder_shape("./nowhere")


def test_a_config_that_does_not_say_how_large_its_layers_are_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "resnet"}))
    with pytest.raises(UsageError, match=r"\(resnet\) does not give the width of its layers"):
        encoder_shape(str(tmp_path))
