"""Affine maps give the same numbers with and without oneDNN."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heads.affine import Affine


@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
    onednn=st.booleans(),
    biased=st.booleans(),
    seed=st.integers(0, 99),
)
def test_an_affine_map_is_a_product_and_a_sum(
    shape: tuple[int, int, int], onednn: bool, biased: bool, seed: int
) -> None:
    rows, inputs, outputs = shape
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, inputs, generator=generator)
    weight = torch.randn(outputs, inputs, generator=generator)
    bias = torch.randn(outputs, generator=generator) if biased else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.mkldnn, "is_available", lambda: onednn)
        mapped = Affine(weight, bias)(values)
    expected = values @ weight.T + (0 if bias is None else bias)
    torch.testing.assert_close(mapped, expected, atol=1e-5, rtol=1e-5)
