"""Files of an encoder that are broken: each is named, with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from encore.encoders import Encoder, load_encoder
from tests.encoders.editing import edit_json
from tests.encoders.refusal import refused
from tests.models import tiny_bert, tiny_roberta

READ = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)
NOT_READ = ("modules.json", "generation_config.json", "1_Pooling/config.json", "vocab.json", "provenance.json")

BROKEN = {
    "cut": (b'{"a": ', "is not JSON: "),
    "empty": (b"", "is not JSON: "),
    "marked": (b"\xef\xbb\xbf{}", "is not JSON: "),
    "deep": (b'{"a": ' + b"[" * 200_000, "is not JSON: "),
    "a list": (b'["a"]', "is not a JSON object"),
    "a list of lists": (b'[["a"]]', "is not a JSON object"),
    "a number": (b"3", "is not a JSON object"),
    "a text": (b'"a"', "is not a JSON object"),
    "null": (b"null", "is not a JSON object"),
    "Latin-1": ('{"a": "é"}'.encode("latin-1"), "is not UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tiny_bert(tmp_path / "model")


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", READ)
def test_a_broken_file_is_named(path: Path, name: str, kind: str) -> None:
    content, fault = BROKEN[kind]
    (path / name).write_bytes(content)
    message = refused(path)
    assert f"encoder {path}: its {name} {fault}" in message
    assert message.endswith("; mend it, or fetch the encoder again")


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", NOT_READ)
def test_a_file_that_no_feature_depends_on_may_be_broken(path: Path, bert: Encoder, name: str, kind: str) -> None:
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_bytes(BROKEN[kind][0])
    assert load_encoder(str(path), device="cpu").spec == bert.spec


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_index_of_weights_is_named(path: Path, kind: str) -> None:
    (path / "model.safetensors").rename(path / "model-00001-of-00001.safetensors")
    content, fault = BROKEN[kind]
    (path / "model.safetensors.index.json").write_bytes(content)
    assert f"its model.safetensors.index.json {fault}" in refused(path)


@pytest.mark.parametrize("length", ["512", "long", [5], {}, 0, -1, True, float("nan")])
def test_a_length_that_is_no_number_of_tokens_is_refused(path: Path, length: object) -> None:
    edit_json(path / "tokenizer_config.json", model_max_length=length)
    assert f"its tokenizer_config.json has model_max_length {length!r}; write a number of tokens" in refused(path)


@pytest.mark.parametrize(("length", "default"), [(None, 64), (1e30, 64), (1000, 64), (20, 20), (20.0, 20)])
def test_a_length_that_is_one_is_the_default_up_to_the_model_s_own(path: Path, length: object, default: int) -> None:
    edit_json(path / "tokenizer_config.json", model_max_length=length)
    assert load_encoder(str(path), device="cpu").default_max_length == default


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("config.json", {"layer_norm_eps": "x"}, r"Field 'layer_norm_eps' expected float, got str (value: 'x')"),
        ("config.json", {"hidden_act": "nonsense"}, "its weights cannot be loaded: no such name: 'nonsense'"),
        ("config.json", {"num_attention_heads": 3}, "is not a multiple of the number of attention heads (3)"),
        ("config.json", {"add_cross_attention": True}, "should be used as a decoder model if cross attention is added"),
        ("tokenizer.json", {"model": {}}, "its tokenizer cannot be loaded: "),
        ("tokenizer.json", {"version": "9.0"}, "its tokenizer cannot be loaded: Unknown tokenizer version '9.0'"),
        ("tokenizer_config.json", {"truncation_side": "up"}, "its tokenizer cannot be loaded: Truncation side should"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_named(path: Path, name: str, changes: dict[str, Any], says: str) -> None:
    edit_json(path / name, **changes)
    assert says in refused(path)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("T5Tokenizer", "spiece.model"),
        ("AlbertTokenizer", "spiece.model"),
        ("DebertaV2Tokenizer", "spm.model"),
        ("XLMRobertaTokenizer", "sentencepiece.bpe.model"),
        ("CamembertTokenizer", "sentencepiece.bpe.model"),
    ],
)
def test_a_sentencepiece_model_alone_says_what_is_missing(path: Path, kind: str, name: str) -> None:
    (path / "tokenizer.json").unlink()
    (path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))
    (path / name).write_bytes(b"a vocabulary")
    message = refused(path)
    assert f"its tokenizer is {name} alone, without a tokenizer.json, and could not be converted" in message
    assert 'pip install "encore-featurestore[sentencepiece]"' in message
    assert message.endswith("AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)")


@pytest.mark.parametrize("kind", ["T5Tokenizer", "DebertaV2Tokenizer", "SplinterTokenizer", "RagTokenizer"])
def test_a_vocabulary_is_never_made_up(path: Path, kind: str) -> None:
    """Some of these classes would make up a vocabulary in which every word is the unknown token."""
    (path / "tokenizer.json").unlink()
    (path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))
    assert "no fast tokenizer (tokenizer.json) there; save one beside the model" in refused(path)


def test_a_tokenizer_that_leaves_out_merges_at_random_is_refused(tmp_path: Path) -> None:
    edit_json(tiny_roberta(tmp_path) / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    tokenizer = tmp_path / "tokenizer.json"
    text = tokenizer.read_text()
    assert text.count('"dropout": null') == 1
    tokenizer.write_text(text.replace('"dropout": null', '"dropout": 0.1'))
    assert "the same text would get other tokens each time; set dropout to null in tokenizer.json" in refused(tmp_path)
    tokenizer.write_text(text.replace('"dropout": null', '"dropout": 0.0'))
    assert load_encoder(str(tmp_path), device="cpu").default_max_length == 64
