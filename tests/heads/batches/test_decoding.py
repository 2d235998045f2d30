"""Ragged packed features side by side, and blocks that are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore import StoreError
from encore.heads.batches.decoding import check_block, decode, pad
from tests.heads.building import block_of, spec_of


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=8), data=st.data())
def test_padding_puts_each_documents_rows_first(lengths: list[int], data: st.DataObject) -> None:
    block = block_of(spec_of("uint8"), lengths)
    places = st.integers(0, len(lengths) - 1)
    documents = np.array(data.draw(st.lists(places, min_size=1, max_size=5)), np.int64)
    packed, counts = pad(block.packed, block.offsets, documents)
    assert packed.shape == (len(documents), max(lengths[d] for d in documents), 16)
    assert counts.tolist() == [lengths[document] for document in documents]
    for row, document in enumerate(documents):
        start, stop = block.offsets[document], block.offsets[document + 1]
        assert np.array_equal(packed[row, : stop - start].numpy(), block.packed[start:stop])


def test_a_block_of_other_features_is_refused() -> None:
    block = block_of(spec_of("float16"), [2, 3])
    with pytest.raises(
        StoreError, match=r"float16 and shape \(16,\) do not match the spec, which has uint8 and \(2,\)"
    ):
        check_block(block, spec_of("sign"))


def test_a_document_without_vectors_is_refused_by_name() -> None:
    with pytest.raises(StoreError, match="document d1 has no stored vector"):
        check_block(block_of(spec_of(), [2, 0, 3]), spec_of())


@pytest.mark.parametrize("layers", ["mean:4", "stack:3"])
def test_a_batch_in_given_memory_is_the_same_batch(layers: str) -> None:
    spec = spec_of("float16", layers)
    block = block_of(spec, [3, 1, 5], first_lengths=[2, 1, 4])
    documents = np.array([2, 0])
    fresh = decode(block, documents, spec, block.first_lengths)
    memory = torch.zeros_like(fresh.rows)
    held = decode(block, documents, spec, memory=lambda rows: memory[:rows])
    assert len(fresh) == len(held) == 2
    assert held.rows.data_ptr() == memory.data_ptr()
    assert torch.equal(held.values, fresh.values)
    assert held.first_lengths is None
    assert fresh.first_lengths is not None
    assert fresh.first_lengths.tolist() == [4, 2]
    for place, document in enumerate(documents):
        own = spec.quantizer.dequantize(torch.from_numpy(block.slice(document, document + 1).packed), spec.width)
        assert torch.equal(fresh.values[place, : len(own)], own)
