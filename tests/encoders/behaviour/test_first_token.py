"""What an encoder's first token is, found by running it on two texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel

from encore.encoders import Encoder, load_encoder
from encore.encoders.behaviour.first_token import first_token_of
from tests.first_tokens import FIRST_TOKENS, without_summary
from tests.models import SPECIAL_PIECES, VOCABULARY, tiny_bert, tiny_roberta

SMALL = {"vocab_size": len(VOCABULARY), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
SIZES = {**SMALL, "intermediate_size": 32, "max_position_embeddings": 64, "pad_token_id": 0}
GROUPED = {"num_key_value_heads": 2, "head_dim": 16}


@pytest.mark.parametrize(("kind", "dtype"), [*((kind, "float32") for kind in FIRST_TOKENS), ("llama", "bfloat16")])
def test_encoders_without_a_summary_in_front_are_known(kind: str, dtype: str) -> None:
    assert load_encoder(without_summary(kind), device="cpu", dtype=dtype).spec.first_token == FIRST_TOKENS[kind]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("make", [tiny_bert, tiny_roberta])
def test_a_special_token_that_sees_the_text_sums_it_up(make: type, dtype: str, tmp_path: Path) -> None:
    path = str(make(tmp_path))
    assert load_encoder(path, device="cpu", dtype=dtype).spec.first_token == "summary"
    assert load_encoder(path, device="cpu", trainable=True).spec.first_token == "summary"


def test_a_causal_bert_never_sees_the_text_with_its_first_token(tmp_path: Path) -> None:
    config = tiny_bert(tmp_path) / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"is_decoder": True}))
    assert load_encoder(str(tmp_path), device="cpu").spec.first_token == "constant"


def test_a_vocabulary_that_knows_no_word_of_the_probe_is_no_hindrance(tmp_path: Path) -> None:
    few = tiny_bert(tmp_path, vocabulary=(*SPECIAL_PIECES, "news", "film"))
    assert load_encoder(str(few), device="cpu").spec.first_token == "summary"


@pytest.mark.parametrize(
    ("architecture", "more", "first_token"),
    [
        ("albert", {"embedding_size": 16}, "summary"),
        ("deberta-v2", {}, "summary"),
        ("fnet", {}, "summary"),
        ("big_bird", {}, "summary"),
        ("longformer", {"attention_window": 8, "max_position_embeddings": 80}, "summary"),
        ("gemma3_text", {**GROUPED, "use_bidirectional_attention": True}, "summary"),
        ("gemma3_text", GROUPED, "constant"),
        ("mistral", {"num_key_value_heads": 2}, "constant"),
        ("opt", {"ffn_dim": 32, "word_embed_proj_dim": 32}, "constant"),
        ("mamba", {}, "constant"),
    ],
)
def test_behind_a_special_token_attention_decides_and_not_the_name(
    architecture: str, more: dict[str, Any], first_token: str, bert: Encoder
) -> None:
    config = AutoConfig.for_model(architecture, **(SIZES | more))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModel.from_config(config).eval()
    assert first_token_of(model, bert.tokenizer) == first_token
