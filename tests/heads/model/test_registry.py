"""The poolings by name, and which of them suits which store."""

from __future__ import annotations

import pytest

from encore.featurestore import EncoderSpec, FeatureSpec, TextSpec, UsageError
from encore.heads import default_pooling
from encore.heads.model.attention import AttentionPooling
from encore.heads.model.cls import ClsPooling
from encore.heads.model.mean import MeanPooling
from encore.heads.model.registry import POOLINGS, build_pooling, check_pooling
from tests.heads.building import spec_of


def test_each_kind_builds_its_module() -> None:
    assert isinstance(build_pooling("cls", 8, None), ClsPooling)
    assert isinstance(build_pooling("mean", 8, None), MeanPooling)
    attention = build_pooling("attention", 8, 4)
    assert isinstance(attention, AttentionPooling)
    assert attention.heads == 4


def test_attention_heads_are_for_attention_alone() -> None:
    with pytest.raises(UsageError, match="attention heads 4: pooling mean has none"):
        build_pooling("mean", 8, 4)


def test_several_queries_are_for_attention_alone() -> None:
    attention = build_pooling("attention", 8, None, queries=3)
    assert isinstance(attention, AttentionPooling)
    assert attention.queries == 3
    with pytest.raises(UsageError, match="queries 3: pooling cls has none; leave them out or pool by attention"):
        build_pooling("cls", 8, None, queries=3)


@pytest.mark.parametrize(("positions", "pooling"), [("tokens", "attention"), ("cls", "cls"), ("mean", "mean")])
def test_the_default_pooling_suits_the_stored_positions(positions: str, pooling: str) -> None:
    spec = spec_of(positions=positions)
    assert default_pooling(positions) == pooling
    check_pooling(pooling, spec)


@pytest.mark.parametrize("pooling", ["attention", "cls", "mean"])
def test_stored_tokens_can_be_pooled_any_way(pooling: str) -> None:
    check_pooling(pooling, spec_of())


def test_a_store_of_one_vector_a_document_refuses_other_poolings() -> None:
    with pytest.raises(UsageError, match=r"pooling attention: the store holds one vector .* use pooling mean"):
        check_pooling("attention", spec_of(positions="mean"))
    with pytest.raises(UsageError, match=r"pooling mean: .*positions cls"):
        check_pooling("mean", spec_of(positions="cls"))


def test_cls_pooling_needs_the_special_tokens() -> None:
    encoder = EncoderSpec("aa", "bb", hidden_size=16, num_layers=6)
    spec = FeatureSpec.build(encoder, TextSpec(64, special_tokens=False), "last", "tokens", "sign")
    with pytest.raises(UsageError, match="pooling cls: special tokens are not stored; take mean"):
        check_pooling("cls", spec)


def test_an_unknown_pooling_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(UsageError, match=f"pooling 'no-such-pooling': expected one of {', '.join(POOLINGS)}$"):
        check_pooling("no-such-pooling", spec_of())
