"""One encoder has one digest, whatever its files look like; another encoder has another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertModel

from encore.encoders import Encoder, load_encoder
from tests.encoders.editing import edit_json
from tests.models import VOCABULARY, tiny_bert


def loaded(path: Path, **options: Any) -> Encoder:
    return load_encoder(str(path), device="cpu", **options)


def test_the_same_model_made_twice_has_the_same_digests(bert: Encoder, tmp_path: Path) -> None:
    again = loaded(tiny_bert(tmp_path / "elsewhere"))
    assert again.spec == bert.spec
    assert again.spec.source != bert.spec.source


def test_a_model_saved_with_its_head_and_pooler_is_the_same_encoder(
    bert: Encoder, bert_path: Path, tmp_path: Path
) -> None:
    AutoTokenizer.from_pretrained(bert_path).save_pretrained(tmp_path)
    AutoModelForMaskedLM.from_pretrained(bert_path).save_pretrained(tmp_path)
    assert loaded(tmp_path).spec == bert.spec
    BertModel.from_pretrained(bert_path, add_pooling_layer=True).save_pretrained(tmp_path)
    assert loaded(tmp_path).spec == bert.spec


def test_the_precision_of_the_file_does_not_count_but_its_numbers_do(bert_path: Path, tmp_path: Path) -> None:
    halves = {}
    for name, dtype in (("half", torch.bfloat16), ("single", torch.float32)):
        model = BertModel.from_pretrained(bert_path, dtype=torch.bfloat16, add_pooling_layer=False)
        model.to(dtype).save_pretrained(tmp_path / name)
        AutoTokenizer.from_pretrained(bert_path).save_pretrained(tmp_path / name)
        halves[name] = loaded(tmp_path / name).spec.weights
    assert halves["half"] == halves["single"] != loaded(bert_path).spec.weights


def test_the_compute_dtype_is_no_part_of_the_digest_but_of_the_spec(bert: Encoder, bert_path: Path) -> None:
    half = loaded(bert_path, dtype="bfloat16")
    assert next(half.model.parameters()).dtype == torch.bfloat16
    assert half.spec.weights == bert.spec.weights
    assert half.spec.compute_dtype == "bfloat16"
    assert half.spec != bert.spec


def test_other_weights_are_another_encoder(bert: Encoder, tmp_path: Path) -> None:
    other = loaded(tiny_bert(tmp_path, seed=1))
    assert other.spec.weights != bert.spec.weights
    assert other.spec.tokenizer == bert.spec.tokenizer


@pytest.mark.parametrize(
    "setting", [{"hidden_act": "relu"}, {"layer_norm_eps": 1e-5}, {"num_attention_heads": 4}, {"is_decoder": True}]
)
def test_a_setting_that_changes_features_makes_another_encoder(
    bert: Encoder, tmp_path: Path, setting: dict[str, Any]
) -> None:
    path = tiny_bert(tmp_path)
    edit_json(path / "config.json", **setting)
    assert loaded(path).spec.weights != bert.spec.weights


@pytest.mark.parametrize(
    "setting",
    [
        {"hidden_dropout_prob": 0.5},
        {"id2label": {"0": "bad", "1": "good"}},
        {"architectures": ["BertForMaskedLM"]},
        {"transformers_version": "4.1.0"},
        {"gradient_checkpointing": False},
        {"hidden_act": "gelu"},
        {"initializer_range": 0.5},
    ],
)
def test_a_setting_that_changes_no_feature_does_not(bert: Encoder, tmp_path: Path, setting: dict[str, Any]) -> None:
    path = tiny_bert(tmp_path)
    edit_json(path / "config.json", **setting)
    assert loaded(path).spec == bert.spec


def test_truncation_and_padding_in_a_tokenizer_file_do_not_count(bert: Encoder, tmp_path: Path) -> None:
    path = tiny_bert(tmp_path)
    tokenizer = bert.tokenizer.from_str(bert.tokenizer.to_str())
    tokenizer.enable_truncation(7)
    tokenizer.enable_padding(length=7)
    tokenizer.save(str(path / "tokenizer.json"))
    again = loaded(path)
    assert again.spec == bert.spec
    assert len(again.tokenizer.encode("x" * 20).ids) == 22


def test_another_vocabulary_or_normalization_is_another_tokenizer(bert: Encoder, tmp_path: Path) -> None:
    swapped = (*VOCABULARY[:-2], VOCABULARY[-1], VOCABULARY[-2])
    assert loaded(tiny_bert(tmp_path / "swapped", vocabulary=swapped)).spec.tokenizer != bert.spec.tokenizer
    path = tiny_bert(tmp_path / "cased")
    parts = json.loads((path / "tokenizer.json").read_text())
    edit_json(path / "tokenizer.json", normalizer=parts["normalizer"] | {"lowercase": False})
    edit_json(path / "tokenizer_config.json", do_lower_case=False)
    assert loaded(path).spec.tokenizer != bert.spec.tokenizer
