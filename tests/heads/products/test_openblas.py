"""Small products give the same numbers by NumPy and by torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from encore.heads.products import openblas
from encore.heads.products.openblas import ROWS, WIDE_KERNELS, laid_out, multiply, openblas_is_wide, weighted_sums

DIMENSIONS = st.integers(1, 9)


@given(
    shape=st.tuples(DIMENSIONS, DIMENSIONS, DIMENSIONS, DIMENSIONS),
    wide=st.booleans(),
    # From one vector at a time to all together.
    small=st.sampled_from([1, 40, 100, 1_000_000]),
    seed=st.integers(0, 99),
)
def test_weighted_sums_are_sums_over_the_tokens(
    shape: tuple[int, int, int, int], wide: bool, small: int, seed: int
) -> None:
    vectors, documents, tokens, width = shape
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(vectors, documents, tokens, generator=generator)
    values = torch.randn(documents, tokens, width, generator=generator)
    pooled = torch.full((vectors, documents + 2, width), 7.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openblas, "openblas_is_wide", lambda: wide)
        patch.setattr(openblas, "SMALL", small)
        weighted_sums(weights, values, pooled[:, 1:-1])
    expected = (weights.double()[..., None] * values.double()).sum(dim=2)
    torch.testing.assert_close(pooled[:, 1:-1], expected.float(), atol=1e-5, rtol=1e-5)
    # Nothing is written beside.
    assert bool((pooled[:, [0, -1]] == 7).all())


@given(
    shape=st.tuples(st.integers(1, 3), DIMENSIONS, DIMENSIONS, DIMENSIONS),
    turns=st.integers(1, 3),
    wide=st.booleans(),
    biased=st.booleans(),
    small=st.sampled_from([1, 200, 1_000_000]),
    seed=st.integers(0, 99),
)
def test_each_vector_is_multiplied_by_its_own_matrix(
    shape: tuple[int, int, int, int], turns: int, wide: bool, biased: bool, small: int, seed: int
) -> None:
    groups, matrices, inputs, outputs = shape
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(turns * matrices, groups * ROWS, inputs, generator=generator)
    weights = torch.randn(matrices, outputs, inputs, generator=generator)
    bias = torch.randn(turns * matrices * outputs, generator=generator) if biased else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openblas, "openblas_is_wide", lambda: wide)
        patch.setattr(openblas, "SMALL", small)
        multiplied = multiply(vectors, laid_out(weights), bias)
    numbers, each = vectors.double().numpy(), weights.double().numpy()
    expected = [numbers[place] @ each[place % matrices].T for place in range(len(numbers))]
    shift = 0 if bias is None else bias.double().numpy()
    np.testing.assert_allclose(multiplied.numpy(), np.concatenate(expected, axis=1) + shift, atol=1e-5)


NUMPY, SCIPY = "site-packages/numpy.libs/libscipy_openblas64_.so", "site-packages/scipy.libs/libscipy_openblas.so"


@pytest.mark.parametrize(
    ("loaded", "wide"),
    [
        ([("openblas", "SkylakeX", NUMPY)], True),
        ([("openblas", "Haswell", SCIPY), ("openblas", "Cooperlake", "lib/libopenblas.so.0")], True),
        ([("openblas", "Haswell", NUMPY)], False),
        ([("openblas", "Haswell", NUMPY), ("openblas", "SkylakeX", SCIPY)], False),
        ([("mkl", "SkylakeX", "lib/libmkl_rt.so")], False),
        ([], False),
    ],
)
def test_numpy_is_taken_where_its_openblas_has_wide_kernels(
    monkeypatch: pytest.MonkeyPatch, loaded: list[tuple[str, str, str]], wide: bool
) -> None:
    fields = ("internal_api", "architecture", "filepath")
    monkeypatch.setattr(openblas, "threadpool_info", lambda: [dict(zip(fields, it, strict=True)) for it in loaded])
    assert openblas_is_wide.__wrapped__() is wide


def test_the_openblas_that_numpy_has_loaded_is_found() -> None:
    """Where this NumPy has one: its kernels have a name."""
    kernels = [it["architecture"] for it in threadpool_info() if "numpy.libs" in it["filepath"]]
    assert openblas_is_wide.__wrapped__() is any(name in WIDE_KERNELS for name in kernels)
