"""What an encoder's first token is, found by running it on two texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from encoders import load_encoder
from tests.first_tokens import FIRST_TOKENS, without_summary
from tests.models import SPECIAL_PIECES, tiny_bert, tiny_roberta


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
