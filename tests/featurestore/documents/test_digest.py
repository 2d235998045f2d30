"""The digest of a store's documents does not see order and segments, and sees everything else."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore import FeatureBlock
from encore.featurestore.documents.digest import combine_digests, document_digest_sum
from tests.documents import document_index
from tests.featurestore.building import block_of, spec_of
from tests.strategies import feature_blocks

SPEC = spec_of("sign", "stack:2")


def digest_of(*blocks: FeatureBlock) -> str:
    return combine_digests(map(document_digest_sum, blocks))


@given(feature_blocks(SPEC, min_length=0), st.randoms(use_true_random=False), st.data())
def test_order_and_cuts_change_nothing(block: FeatureBlock, random: object, data: st.DataObject) -> None:
    order = np.array(data.draw(st.permutations(range(len(block)))), np.int64)
    cut = data.draw(st.integers(0, len(block)))
    shuffled = block.take(order)
    assert digest_of(shuffled.slice(0, cut), shuffled.slice(cut, len(block))) == digest_of(block)


def test_it_is_the_sum_of_sha256_over_named_features() -> None:
    block = FeatureBlock(document_index(["é"], ["x"], [1]), np.array([[1, 2]], np.uint8), np.array([0, 1]))
    once = hashlib.sha256(bytes(7) + b"\x02\xc3\xa9\x01\x02").hexdigest()
    assert digest_of(block) == once
    assert digest_of(block, block) == f"{2 * int(once, 16) % 2**256:064x}"


def test_nothing_has_digest_zero() -> None:
    assert digest_of() == digest_of(block_of(SPEC, {})) == "0" * 64


@pytest.mark.parametrize("other", [{"a": "x", "c": "y"}, {"a": "x"}, {"a": "y", "b": "x"}, {"a": "x", "b": "z"}])
def test_other_documents_or_features_have_another(other: dict[str, str]) -> None:
    assert digest_of(block_of(SPEC, other)) != digest_of(block_of(SPEC, {"a": "x", "b": "y"}))


def test_a_row_that_moves_to_the_next_document_changes_it() -> None:
    block = FeatureBlock(document_index(["a", "b"], ["x", "y"], [1, 1]), np.ones((4, 2), np.uint8), np.array([0, 2, 4]))
    assert digest_of(replace(block, offsets=np.array([0, 1, 4]))) != digest_of(block)
