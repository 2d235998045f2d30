"""Matrix products give the same numbers with and without oneDNN."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.heads.products import linear
from encore.heads.products.linear import product


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
        # Products of any size go to oneDNN.
        patch.setattr(linear, "LEAST_MULTIPLICATIONS", 0)
        if not onednn:
            patch.setattr(linear, "_ONEDNN", None)
        multiplied = product(values if strided else values.contiguous(), weight, bias)
    expected = values.double() @ weight.double().T + (0 if bias is None else bias)
    torch.testing.assert_close(multiplied, expected.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("strided", [False, True])
def test_a_product_as_large_as_those_of_heads_is_onednns(strided: bool) -> None:
    # Rows apart, as those of one head of a stack are.
    values = torch.randn(160, 3, 384, generator=torch.Generator().manual_seed(0))[:, 1]
    weight = torch.randn(384, 384, generator=torch.Generator().manual_seed(1)) / 20
    bias = torch.randn(384, generator=torch.Generator().manual_seed(2))
    used = []
    onednn = linear._ONEDNN
    assert onednn is not None

    def noted(*words: object) -> torch.Tensor:
        used.append(words)
        return onednn(*words)  # type: ignore[no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "_ONEDNN", noted)
        multiplied = product(values if strided else values.contiguous(), weight, bias)
    assert len(used) == 1
    expected = values.double() @ weight.double().T + bias
    torch.testing.assert_close(multiplied, expected.float(), atol=1e-5, rtol=1e-5)
