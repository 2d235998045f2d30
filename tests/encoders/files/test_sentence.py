"""Settings of sentence-transformers: followed where they are plain, and refused by name where they are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers.normalizers import BertNormalizer, Lowercase, Sequence

from encore.encoders import Encoder, load_encoder
from encore.encoders.files.sentence import SETTINGS_FILES
from tests.encoders.editing import edit_json
from tests.encoders.refusal import refused
from tests.models import tiny_bert, tiny_roberta

SETTINGS, PROMPTS = "sentence_bert_config.json", "config_sentence_transformers.json"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tiny_bert(tmp_path / "model")


@pytest.mark.parametrize("name", SETTINGS_FILES)
def test_its_own_length_is_the_default_under_every_name_that_the_file_had(path: Path, name: str) -> None:
    edit_json(path / name, max_seq_length=24)
    assert load_encoder(str(path), device="cpu").default_max_length == 24


def test_texts_are_lower_cased_where_it_says_so(tmp_path: Path, roberta: Encoder) -> None:
    edit_json(tiny_roberta(tmp_path) / SETTINGS, do_lower_case=True)
    encoder = load_encoder(str(tmp_path), device="cpu")
    text = "The NEWS of Ärger </s> İ"
    assert encoder.tokenizer.encode(text).ids != roberta.tokenizer.encode(text).ids
    assert encoder.tokenizer.encode("The NEWS Ä").ids == roberta.tokenizer.encode("the news ä").ids
    # The tokenizer finds special tokens before it normalizes the text.
    assert roberta.tokenizer.token_to_id("</s>") in encoder.tokenizer.encode(text).ids[1:-1]
    assert encoder.spec.weights == roberta.spec.weights
    assert encoder.spec.tokenizer != roberta.spec.tokenizer


def test_a_tokenizer_that_lower_cases_anyway_stays_the_same_encoder(path: Path, bert: Encoder) -> None:
    edit_json(path / SETTINGS, do_lower_case=True, max_seq_length=None)
    assert load_encoder(str(path), device="cpu").spec == bert.spec


def test_lower_casing_twice_is_lower_casing_once() -> None:
    once = BertNormalizer(lowercase=True)
    twice = Sequence([Lowercase(), once])
    text = "\n".join(chr(code) for code in range(0x2FFFF) if not 0xD800 <= code < 0xE000)
    assert twice.normalize_str(text) == once.normalize_str(text)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"default_prompt_name": "query", "prompts": {"query": "query: "}}, "its makers put 'query: ' before every"),
        ({"default_prompt_name": "a", "prompts": {"a": "x" * 500}}, "xxx... before every text"),
        ({"default_prompt_name": ["a"], "prompts": {"a": "b"}}, "has no table of prompts"),
        ({"default_prompt_name": "a", "prompts": ["a"]}, "has no table of prompts"),
    ],
)
def test_a_default_prompt_is_refused(path: Path, settings: dict[str, Any], says: str) -> None:
    edit_json(path / PROMPTS, **settings)
    assert says in refused(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"default_prompt_name": None, "prompts": {"query": "query: "}},
        {"prompts": {"query": "query: ", "document": "passage: "}},
        {"default_prompt_name": "document", "prompts": {"document": ""}},
        {"default_prompt_name": "document"},
        {"__version__": {"pytorch": "1.8.1"}, "similarity_fn_name": "cosine"},
    ],
)
def test_prompts_that_nobody_asked_for_are_left_out(path: Path, bert: Encoder, settings: dict[str, Any]) -> None:
    edit_json(path / PROMPTS, **settings)
    assert load_encoder(str(path), device="cpu").spec == bert.spec


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"tokenizer_args": {"add_eos_token": True}}, "sets 'add_eos_token' in tokenizer_args"),
        ({"processor_kwargs": {"do_lower_case": True}}, "sets 'do_lower_case' in processor_kwargs"),
        ({"config_args": {"is_causal": False}}, "sets 'is_causal' in config_args"),
        ({"model_args": {"quantization_config": {}}}, "sets 'quantization_config' in model_args"),
        ({"model_kwargs": 3}, "sets 3 in model_kwargs"),
        ({"processing_kwargs": {"text": {"add_special_tokens": False}}}, "sets 'add_special_tokens' in processing_kw"),
        ({"modality_config": {"message": {"method": "forward"}}}, "takes texts as messages of a chat only"),
        ({"max_seq_length": "512"}, "has max_seq_length '512'; write a number of tokens there, or null"),
        ({"max_seq_length": 0}, "has max_seq_length 0"),
        ({"max_seq_length": True}, "has max_seq_length True"),
        ({"do_lower_case": "yes"}, "has do_lower_case 'yes'; write true or false there"),
    ],
)
def test_settings_that_change_features_in_another_way_are_refused(
    path: Path, settings: dict[str, Any], says: str
) -> None:
    edit_json(path / SETTINGS, **settings)
    assert f"its {SETTINGS} " in refused(path)
    assert says in refused(path)


def test_settings_that_change_no_feature_are_passed_over(path: Path, bert: Encoder) -> None:
    edit_json(
        path / SETTINGS,
        model_args={"torch_dtype": "float16", "attn_implementation": "sdpa"},
        tokenizer_args={"padding_side": "left"},
        processing_kwargs={"text": {"padding": True}, "chat_template": {"add_generation_prompt": True}},
        modality_config={"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
        module_output_name="token_embeddings",
        transformer_task="feature-extraction",
        unpad_inputs=True,
    )

    assert load_encoder(str(path), device="cpu").spec == bert.spec
