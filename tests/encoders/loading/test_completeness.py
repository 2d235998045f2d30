"""Loading refuses by name what it would ignore of weights and settings: the features would be another encoder's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForPreTraining,
    DebertaV2Config,
    DebertaV2Model,
    EsmConfig,
    EsmModel,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
)

from encore.encoders import Encoder, load_encoder
from tests.encoders.editing import add_weights, edit_json
from tests.encoders.refusal import refused
from tests.models import VOCABULARY, tiny_bert

SMALL = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tiny_bert(tmp_path / "model")


@pytest.mark.parametrize(
    "name",
    [
        "encoder.layer.0.attention.self.distance_embedding.weight",
        "bert.encoder.layer.0.attention.self.distance_embedding.weight",
        "encoder.layer.3.output.dense.weight",
        "encoder.rel_embeddings.weight",
    ],
)
def test_weights_inside_the_encoder_that_nothing_takes_are_refused(path: Path, name: str) -> None:
    add_weights(path, name)
    assert f"hold a weight ({name}) inside the encoder that transformers does not know in a bert model" in refused(path)


def test_layers_that_the_settings_leave_out_are_refused(path: Path) -> None:
    edit_json(path / "config.json", num_hidden_layers=2)
    assert "16 weights (encoder.layer.2.attention.output.LayerNorm.bias, …) inside the encoder" in refused(path)


@pytest.mark.parametrize(
    "name",
    [
        "encoder.layer.0.output.adapters.sst2.adapter_down.0.weight",
        "encoder.layer.0.attention.self.query.lora_A.default.weight",
        "base_model.model.encoder.layer.0.attention.self.query.lora_B.weight",
        "invertible_adapters.lang.F.0.weight",
        "prefix_tuning.prefix_tunings.p.self_prefix.wte.weight",
        "prefix_encoder.embedding.weight",
        "embeddings.word_embeddings.base_layer.weight",
        "encoder.layer.0.output.ia3_l",
    ],
)
def test_adapters_in_a_checkpoint_are_refused(path: Path, name: str) -> None:
    add_weights(path, name)
    assert f"hold a weight ({name}) of an adapter, which Encore does not apply; merge it" in refused(path)


def test_a_checkpoint_of_peft_is_refused_as_one(path: Path) -> None:
    """All its weights have other names, so that those of the model are missing too."""
    weights = load_file(path / "model.safetensors")
    query = "encoder.layer.0.attention.self.query"
    weights[f"{query}.base_layer.weight"] = weights.pop(f"{query}.weight")
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    assert "of an adapter, which Encore does not apply" in refused(path)


@pytest.mark.parametrize("whole", [True, False])
def test_the_folder_of_an_adapter_is_refused(path: Path, whole: bool) -> None:
    (path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    if not whole:
        (path / "config.json").unlink()
    assert "its adapter_config.json names an adapter, which Encore does not apply; merge it" in refused(path)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"position_embedding_type": "relative_key"}, "position_embedding_type 'relative_key', which transformers no"),
        ({"position_embedding_type": "relative_key_query"}, "choose an encoder with absolute positions"),
        ({"pruned_heads": {"0": [1]}}, "names pruned_heads, which transformers no longer leaves out"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantized weights are not read"),
        ({"quantization_config": {"load_in_8bit": True}}, "quantized weights are not read"),
    ],
)
def test_settings_that_transformers_no_longer_goes_by_are_refused(
    path: Path, settings: dict[str, Any], says: str
) -> None:
    edit_json(path / "config.json", **settings)
    assert says in refused(path)


def test_positions_that_an_architecture_has_a_choice_of_are_taken(path: Path) -> None:
    config = EsmConfig(**SMALL, pad_token_id=0, mask_token_id=4, position_embedding_type="rotary")
    EsmModel(config, add_pooling_layer=False).save_pretrained(path)
    assert load_encoder(str(path), device="cpu").spec.num_layers == 1


@pytest.mark.parametrize(
    ("model", "others"),
    [
        (BertForPreTraining(BertConfig(**SMALL)), ["bert.embeddings.position_ids", "classifier.weight"]),
        (
            GPT2LMHeadModel(GPT2Config(vocab_size=len(VOCABULARY), n_embd=16, n_layer=1, n_head=2)),
            ["transformer.h.0.attn.bias", "transformer.h.0.attn.masked_bias"],
        ),
        (
            T5ForConditionalGeneration(
                T5Config(vocab_size=len(VOCABULARY), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
            ),
            ["lm_head.bias"],
        ),
        (
            DebertaV2Model(DebertaV2Config(**SMALL, position_biased_input=False, relative_attention=True)),
            ["embeddings.position_embeddings.weight", "embeddings.word_embeddings._weight", "mask_predictions.weight"],
        ),
    ],
    ids=["bert", "gpt2", "t5", "deberta"],
)
def test_heads_poolers_and_buffers_may_be_left_over(path: Path, model: PreTrainedModel, others: list[str]) -> None:
    model.save_pretrained(path)
    alone = load_encoder(str(path), device="cpu")
    add_weights(path, *others)
    assert load_encoder(str(path), device="cpu").spec == alone.spec


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"hidden_size": 16}, "embeddings.LayerNorm.bias among them: (32,), not (16,)"),
        ({"vocab_size": 10}, "1 weights do not have the shape that its config.json says"),
        ({"max_position_embeddings": 8}, "embeddings.position_embeddings.weight among them: (64, 32), not (8, 32)"),
    ],
)
def test_weights_of_another_shape_are_named_with_both(path: Path, settings: dict[str, Any], says: str) -> None:
    edit_json(path / "config.json", **settings)
    message = refused(path)
    assert says in message
    assert message.endswith("; give the config.json that was saved with the weights")


def test_a_pooler_of_another_shape_is_no_concern(bert: Encoder, path: Path) -> None:
    add_weights(path, "pooler.dense.weight")
    assert load_encoder(str(path), device="cpu").spec == bert.spec
    assert torch.equal(load_encoder(str(path), device="cpu").model.embeddings.LayerNorm.weight, torch.ones(32))
