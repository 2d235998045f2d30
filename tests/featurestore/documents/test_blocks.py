"""Blocks of ragged features, held against one Python list a document."""

from __future__ import annotations

import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore import INDEX_SCHEMA, Catalogue, FeatureBlock
from encore.featurestore.documents.blocks import concatenate_indexes
from tests.featurestore.building import block_of, put, spec_of
from tests.strategies import feature_blocks, feature_specs

SPEC = spec_of("sign", "stack:2")
BLOCKS = feature_blocks(SPEC, min_length=0)


def listed(block: FeatureBlock) -> list[tuple[dict[str, Any], list[Any]]]:
    """The slow reference: (index row, rows as nested lists) of each document."""
    ends = zip(block.offsets[:-1], block.offsets[1:], strict=True)
    rows = [block.packed[start:stop].tolist() for start, stop in ends]
    return list(zip(block.index.to_pylist(), rows, strict=True))


@given(BLOCKS, st.data())
def test_take_picks_documents_in_the_order_asked_for(block: FeatureBlock, data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.integers(0, len(block) - 1), max_size=12) if len(block) else st.just([]))
    taken = block.take(np.array(wanted, np.int64))
    reference = listed(block)
    assert listed(taken) == [reference[i] for i in wanted]
    assert taken.offsets.dtype == np.int64


@given(BLOCKS, st.data())
def test_slice_is_that_of_a_list_and_copies_no_features(block: FeatureBlock, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(block)))
    stop = data.draw(st.integers(start, len(block)))
    part = block.slice(start, stop)
    assert listed(part) == listed(block)[start:stop]
    assert part.packed.size == 0 or np.shares_memory(part.packed, block.packed)


@given(st.lists(BLOCKS, min_size=1, max_size=4))
def test_concatenate_puts_documents_one_behind_the_other(blocks: list[FeatureBlock]) -> None:
    assert listed(FeatureBlock.concatenate(blocks)) == [row for block in blocks for row in listed(block)]


@given(st.lists(BLOCKS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_interleave_puts_each_document_in_its_place(blocks: list[FeatureBlock], random: Any) -> None:
    places = list(range(sum(map(len, blocks))))
    random.shuffle(places)
    ends = np.cumsum([0, *map(len, blocks)])
    parts = [np.array(places[a:b], np.int64) for a, b in pairwise(ends)]
    whole = listed(FeatureBlock.interleave(blocks, parts))
    assert [whole[place] for place in places] == [row for block in blocks for row in listed(block)]


@given(st.data())
def test_a_block_cut_and_joined_again_is_the_same(data: st.DataObject) -> None:
    block = data.draw(feature_blocks(data.draw(feature_specs()), min_documents=1))
    cut = data.draw(st.integers(0, len(block)))
    joined = FeatureBlock.concatenate([block.slice(0, cut), block.slice(cut, len(block))])
    assert listed(joined) == listed(block)
    assert joined.packed.dtype == block.packed.dtype
    assert joined.packed.shape == block.packed.shape


def test_lengths_ids_and_size() -> None:
    block = FeatureBlock(block_of(SPEC, {"a": "x", "b": "y"}).index, np.zeros((5, 2, 2), np.uint8), np.array([0, 2, 5]))
    assert (len(block), block.lengths.tolist(), block.doc_ids.to_pylist()) == (2, [2, 3], ["a", "b"])


@pytest.mark.parametrize("offsets", [[0, 5], [0, 2, 3, 5], [1, 2, 5], [0, 2, 4], [0, 6, 5], []])
def test_offsets_that_do_not_fit_are_refused(offsets: list[int]) -> None:
    index = block_of(SPEC, {"a": "x", "b": "y"}).index
    with pytest.raises(ValueError, match="offsets"):
        FeatureBlock(index, np.zeros((5, 2, 2), np.uint8), np.array(offsets, np.int64))


def test_nothing_has_no_width() -> None:
    for join in (lambda: FeatureBlock.concatenate([]), lambda: FeatureBlock.interleave([], [])):
        with pytest.raises(ValueError, match="an empty block has no width"):
            join()


class TestKeptColumns:
    """What the corpus keeps beside the features need not agree between segments."""

    def test_a_column_that_one_lacks_is_null_there(self) -> None:
        joined = concatenate_indexes([pa.table({"a": [1], "b": ["x"]}), pa.table({"a": [2]}), pa.table({"b": ["y"]})])
        assert joined.to_pydict() == {"a": [1, 2, None], "b": ["x", None, "y"]}

    def test_numbers_are_promoted(self) -> None:
        small = pa.array([1], pa.int32())
        joined = concatenate_indexes([pa.table({"a": small}), pa.table({"a": [0.5]}), pa.table({"a": pa.nulls(1)})])
        assert joined["a"].to_pylist() == [1.0, 0.5, None]

    def test_a_float_holds_no_long_integers_so_that_they_become_text(self) -> None:
        joined = concatenate_indexes([pa.table({"a": [2**53 + 1]}), pa.table({"a": [0.5, 3.0]})])
        assert joined["a"].to_pylist() == ["9007199254740993", "0.5", "3"]

    def test_types_with_nothing_in_common_are_read_as_strings(self) -> None:
        parts = [pa.table({"a": [2020], "b": [1]}), pa.table({"a": ["07"]}), pa.table({"b": [2]})]
        joined = concatenate_indexes(parts)
        assert joined["a"].to_pylist() == ["2020", "07", None]
        assert joined["b"].to_pylist() == [1, None, 2]

    def test_lists_and_structs_among_them_are_json(self) -> None:
        parts = [pa.table({"a": [[1, None]]}), pa.table({"a": [{"b": "ü"}, None]}), pa.table({"a": [0.5]})]
        assert concatenate_indexes(parts)["a"].to_pylist() == ["[1, null]", '{"b": "ü"}', None, "0.5"]

    def test_the_store_s_own_columns_keep_their_types(self) -> None:
        index = block_of(SPEC, {"a": "x"}).index
        joined = concatenate_indexes([INDEX_SCHEMA.empty_table(), index, index])
        assert (joined.column_names, joined.schema.types) == (INDEX_SCHEMA.names, INDEX_SCHEMA.types)


def test_a_pickled_slice_holds_its_own_documents_alone() -> None:
    block = block_of(SPEC, {f"document {number}": "text" for number in range(500)})
    part = block.slice(250, 252)
    data = pickle.dumps(part)
    copy = pickle.loads(data)
    assert copy.index.equals(part.index)
    np.testing.assert_array_equal(copy.packed, part.packed)
    np.testing.assert_array_equal(copy.offsets, part.offsets)
    assert b"document 251" in data
    # Arrow fills its buffers up to 64 bytes with what follows.
    assert b"document 300" not in data


def test_a_pickled_block_of_a_scan_holds_nothing_of_its_reader(tmp_path: Path) -> None:
    store = put(Catalogue.create(str(tmp_path / "store"), SPEC), {"a": "text", "b": "more text"})
    (block,) = store.scan()
    data = pickle.dumps(block)
    assert type(pickle.loads(data)) is FeatureBlock
    assert pickle.loads(data).index.equals(block.index)
    assert store.uri.encode() not in data
