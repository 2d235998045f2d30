"""No edit of an encoder's files changes its features but not its digests: such features would share a store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import DebertaV2Config, DebertaV2Model, GPT2Config, GPT2Model

from encore.encoders import Encoder, FeatureExtractor, load_encoder
from encore.encoders.batches.tokens import TokenBlock
from encore.encoders.text.tokenizer import BlockTokenizer
from encore.featurestore.spec import TextSpec
from tests.encoders.editing import edit_json
from tests.encoders.plain import block, spec_for
from tests.models import VOCABULARY, tiny_bert, tiny_roberta

TEXTS = ["The news of [SEP] Film GOOD", "Crème brûlée 中文 good", "  bad film  news", "a [MASK] b <mask> </s> film"]

CONFIG = "config.json"
TOKENIZER = "tokenizer_config.json"

Folder = Callable[[Path], Path]
Edit = tuple[str, dict[str, Any]]


def tiny_generic(path: Path) -> Path:
    """A tokenizer of no architecture, whose template is that of its file."""
    edit_json(tiny_bert(path) / TOKENIZER, tokenizer_class="PreTrainedTokenizerFast")
    return path


def tiny_decoder(path: Path) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = GPT2Config(vocab_size=len(VOCABULARY), n_embd=16, n_layer=2, n_head=2, n_positions=64)
        GPT2Model(config).save_pretrained(tiny_bert(path))
    return path


def tiny_deberta(path: Path) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = DebertaV2Config(
            vocab_size=len(VOCABULARY),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=64,
            relative_attention=True,
            conv_kernel_size=3,
            conv_act="tanh",
            pos_att_type=["c2p", "p2c"],
        )
        DebertaV2Model(config).save_pretrained(tiny_bert(path))
    return path


def features(encoder: Encoder) -> torch.Tensor:
    extractor = FeatureExtractor(encoder, spec_for(encoder, layers="last"))
    return torch.cat(list(extractor.activations(block(TEXTS))))


def tokens(encoder: Encoder) -> tuple[TokenBlock, TokenBlock]:
    tokenizer = BlockTokenizer.build(encoder.tokenizer, TextSpec(64))
    return tokenizer.tokenize(block(TEXTS)), tokenizer.tokenize(block(TEXTS, TEXTS[::-1]))


def same_tokens(one: Encoder, other: Encoder) -> bool:
    """Whether both encoders make the same tokens, of the same types, of texts and of pairs."""
    return all(
        np.array_equal(a.ids, b.ids) and np.array_equal(a.types, b.types)
        for a, b in zip(tokens(one), tokens(other), strict=True)
    )


def edited(path: Path, edit: Edit) -> Encoder:
    name, changes = edit
    edit_json(path / name, **changes)
    return load_encoder(str(path), device="cpu")


def template(first: int, second: int, *pieces: str) -> Edit:
    """A tokenizer.json that gives the texts of a pair these types, and lays a single one out as these pieces."""

    def part(piece: str, type_id: int) -> dict[str, Any]:
        return {"Sequence" if piece in "AB" else "SpecialToken": {"id": piece, "type_id": type_id}}

    pair = [part(piece, first) for piece in ("[CLS]", "A", "[SEP]")] + [part(piece, second) for piece in ("B", "[SEP]")]
    special = {piece: {"id": piece, "ids": [id_], "tokens": [piece]} for piece, id_ in (("[CLS]", 2), ("[SEP]", 3))}
    single = [part(piece, 0) for piece in pieces]
    parts = {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special}
    return "tokenizer.json", {"post_processor": parts}


OTHER_FEATURES: list[tuple[Folder, Edit]] = [
    (tiny_bert, (CONFIG, {"hidden_act": "relu"})),
    (tiny_bert, (CONFIG, {"layer_norm_eps": 0.01})),
    (tiny_bert, (CONFIG, {"num_attention_heads": 4})),
    (tiny_bert, (CONFIG, {"is_decoder": True})),
    (tiny_decoder, (CONFIG, {"is_causal": False})),
    (tiny_decoder, (CONFIG, {"scale_attn_weights": False})),
    (tiny_deberta, (CONFIG, {"conv_act": "gelu"})),
]
OTHER_TOKENS: list[tuple[Folder, Edit]] = [
    (tiny_bert, (TOKENIZER, {"split_special_tokens": True})),
    (tiny_bert, (TOKENIZER, {"do_lower_case": False})),
    (tiny_bert, (TOKENIZER, {"strip_accents": False})),
    (tiny_bert, (TOKENIZER, {"tokenize_chinese_chars": False})),
    (tiny_bert, (TOKENIZER, {"tokenizer_class": "GPT2Tokenizer"})),
    (tiny_bert, (TOKENIZER, {"unk_token": "good"})),
    (tiny_bert, (TOKENIZER, {"cls_token": "[MASK]"})),
    (tiny_bert, (TOKENIZER, {"sep_token": "good"})),
    (tiny_bert, (TOKENIZER, {"extra_special_tokens": ["Film"]})),
    (tiny_bert, ("special_tokens_map.json", {"unk_token": "good"})),
    (tiny_bert, ("added_tokens.json", {"brûlée": len(VOCABULARY) - 1})),
    (tiny_generic, template(0, 0, "[CLS]", "A", "[SEP]")),
    (tiny_generic, template(1, 0, "[CLS]", "A", "[SEP]")),
    (tiny_generic, template(0, 1, "[CLS]", "A")),
    (tiny_roberta, (TOKENIZER, {"add_prefix_space": True})),
    (tiny_roberta, (TOKENIZER, {"split_special_tokens": True})),
    (tiny_roberta, (TOKENIZER, {"tokenizer_class": "BertTokenizer"})),
]
NOTHING: list[tuple[Folder, Edit]] = [
    (tiny_generic, template(0, 1, "[CLS]", "A", "[SEP]")),
    (tiny_bert, (CONFIG, {"hidden_dropout_prob": 0.5, "initializer_range": 0.5, "transformers_version": "4.1.0"})),
    (tiny_bert, (CONFIG, {"gradient_checkpointing": False, "position_embedding_type": "absolute"})),
    (tiny_bert, (CONFIG, {"tokenizer_class": "GPT2Tokenizer", "pruned_heads": {}, "use_cache": False})),
    (tiny_decoder, (CONFIG, {"task_specific_params": {"text-generation": {"do_sample": True}}, "eos_token_id": 3})),
    (tiny_bert, (TOKENIZER, {"tokenizer_class": "PreTrainedTokenizerFast"})),
    (tiny_bert, (TOKENIZER, {"tokenizer_class": "BertTokenizerFast"})),
    (tiny_bert, (TOKENIZER, {"tokenizer_class": "ElectraTokenizer"})),
    (tiny_bert, (TOKENIZER, {"model_input_names": ["input_ids", "attention_mask"]})),
    (tiny_bert, (TOKENIZER, {"padding_side": "left", "truncation_side": "left", "model_max_length": 9})),
    (tiny_bert, (TOKENIZER, {"add_bos_token": True, "add_eos_token": True, "add_prefix_space": True})),
    (tiny_bert, (TOKENIZER, {"clean_up_tokenization_spaces": True, "chat_template": "x", "never_split": ["film"]})),
    (tiny_bert, (TOKENIZER, {"max_length": 9, "stride": 3, "truncation_strategy": "only_first"})),
    (tiny_bert, ("1_Pooling/config.json", {"pooling_mode_cls_token": True, "include_prompt": False})),
    (tiny_bert, ("config_sentence_transformers.json", {"prompts": {"query": "query: "}, "default_prompt_name": None})),
    (tiny_bert, ("generation_config.json", {"max_length": 9})),
    (tiny_roberta, (TOKENIZER, {"errors": "ignore", "do_lower_case": True})),
]


def named(table: list[tuple[Folder, Edit]]) -> list[Any]:
    names = [f"{make.__name__}-{name}-{json.dumps(changes)[-60:]}" for make, (name, changes) in table]
    return [pytest.param(*case, id=name) for case, name in zip(table, names, strict=True)]


@pytest.mark.parametrize(("make", "edit"), named(OTHER_FEATURES))
def test_a_setting_that_changes_features_changes_the_digest_of_the_weights(
    tmp_path: Path, make: Folder, edit: Edit
) -> None:
    before = load_encoder(str(make(tmp_path / "model")), device="cpu")
    after = edited(tmp_path / "model", edit)
    assert not torch.allclose(features(before), features(after), rtol=1e-4, atol=1e-4)
    assert after.spec.weights != before.spec.weights


@pytest.mark.parametrize(("make", "edit"), named(OTHER_TOKENS))
def test_whatever_changes_tokens_or_their_types_changes_the_digest_of_the_tokenizer(
    tmp_path: Path, make: Folder, edit: Edit
) -> None:
    before = load_encoder(str(make(tmp_path / "model")), device="cpu")
    after = edited(tmp_path / "model", edit)
    assert not same_tokens(before, after)
    assert after.spec.tokenizer != before.spec.tokenizer


@pytest.mark.parametrize(("make", "edit"), named(NOTHING))
def test_what_changes_no_feature_changes_no_digest(tmp_path: Path, make: Folder, edit: Edit) -> None:
    before = load_encoder(str(make(tmp_path / "model")), device="cpu")
    (tmp_path / "model" / edit[0]).parent.mkdir(exist_ok=True)
    after = edited(tmp_path / "model", edit)
    assert same_tokens(before, after)
    torch.testing.assert_close(features(after), features(before), rtol=0, atol=0)
    assert after.spec == before.spec
