"""Weighted sums for many keys are those of each document by itself; padding counts for nothing."""

from __future__ import annotations

import pytest
import torch

from encore.heads.batches import Batch
from encore.heads.scoring.attention import attention_sums, product, shifts

LENGTHS = (4, 1, 3)


def batch_of(dtype: torch.dtype = torch.float32, padding: float = 7.0) -> Batch:
    values = torch.randn(len(LENGTHS), max(LENGTHS), 8, generator=torch.Generator().manual_seed(0))
    batch = Batch.of(values.to(dtype), torch.tensor(LENGTHS))
    batch.values[batch.padding] = padding
    return batch


def keys_of(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(5, 8, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.mark.parametrize("in_place", [False, True])
def test_they_are_those_of_each_document_by_itself(in_place: bool) -> None:
    batch, keys = batch_of(), keys_of()
    out = torch.zeros(5, len(LENGTHS), 8) if in_place else None
    sums = attention_sums(keys, batch, out)
    for document, length in enumerate(LENGTHS):
        tokens = batch.values[document, :length]
        torch.testing.assert_close(sums[:, document], (keys @ tokens.T).softmax(dim=1) @ tokens)
    if out is not None:
        assert torch.equal(out, sums)


def test_what_lies_in_the_padding_counts_for_nothing() -> None:
    assert torch.equal(
        attention_sums(keys_of(), batch_of(padding=7.0)), attention_sums(keys_of(), batch_of(padding=-3.0))
    )


def test_they_have_the_type_of_the_batch_and_softmax_is_in_float32() -> None:
    halves = attention_sums(keys_of(torch.float16), batch_of(torch.float16))
    assert halves.dtype == torch.float16
    torch.testing.assert_close(halves.float(), attention_sums(keys_of(), batch_of()), rtol=0, atol=5e-3)


def test_a_product_of_halves_is_in_float32() -> None:
    # Its sum is beyond what float16 counts one by one.
    ones = torch.ones(1, 2049, dtype=torch.float16)
    assert product(ones, ones.t()).item() == 2049
    assert product(ones[None], ones.t()[None]).dtype == torch.float32


def test_shifts_are_infinite_where_a_token_is_left_out() -> None:
    assert shifts(torch.tensor([[False, True]])).tolist() == [[0.0, -torch.inf]]
