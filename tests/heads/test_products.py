"""Matrix products give the same numbers with and without oneDNN."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heads import products
from heads.products import product


@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
    onednn=st.booleans(),
    biased=st.booleans(),
    strided=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_product_is_one_of_matrices_and_a_sum(
    shape: tuple[int, int, int], onednn: bool, biased: bool, strided: bool, seed: int
) -> None:
    rows, inputs, outputs = shape
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, 3, inputs, generator=generator)[:, 1]
    weight = torch.randn(outputs, inputs, generator=generator)
    bias = torch.randn(outputs, generator=generator) if biased else None
    with pytest.MonkeyPatch.context() as patch:
        if not onednn:
            patch.setattr(products, "_ONEDNN", None)
        multiplied = product(values if strided else values.contiguous(), weight, bias)
    expected = values.double() @ weight.double().T + (0 if bias is None else bias)
    torch.testing.assert_close(multiplied, expected.float(), atol=1e-5, rtol=1e-5)
