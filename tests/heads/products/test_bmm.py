"""Products that are made in parts are the products, and no part is one that OpenBLAS would start threads for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.heads.products import bmm, linear
from encore.heads.products.bmm import SMALL, TURNED_INNER, TURNED_RESULTS, _largest_part, batched, large

DIMENSIONS = st.integers(1, 9)


def in_parts(patch: pytest.MonkeyPatch, *, wide: bool = True, small: int = SMALL, turned: int = TURNED_RESULTS) -> None:
    """Have products of any size made by NumPy, and those that are left by oneDNN."""
    patch.setattr(bmm, "openblas_is_wide", lambda: wide)
    patch.setattr(bmm, "LEAST_MULTIPLICATIONS", 0)
    patch.setattr(linear, "LEAST_MULTIPLICATIONS", 0)
    patch.setattr(bmm, "TURNED_INNER", 1)
    patch.setattr(bmm, "SMALL", small)
    patch.setattr(bmm, "TURNED_RESULTS", turned)
    _largest_part.cache_clear()


@pytest.fixture(autouse=True)
def _no_part_is_remembered() -> Iterator[None]:
    yield
    _largest_part.cache_clear()


def laid_out(shape: tuple[int, int, int], layout: str, generator: torch.Generator) -> torch.Tensor:
    """Random matrices (n, rows, columns) that lie in memory as the layout says."""
    count, rows, columns = shape
    if layout == "turned":
        return torch.randn(count, columns, rows, generator=generator).transpose(1, 2)
    if layout == "rows apart":
        return torch.randn(rows, count, columns, generator=generator).transpose(0, 1)
    if layout == "turned, columns apart":
        return torch.randn(columns, count, rows, generator=generator).permute(1, 2, 0)
    if layout == "neither":
        return torch.randn(count, rows, columns, 2, generator=generator)[..., 0]
    return torch.randn(shape, generator=generator)


LAYOUTS = st.sampled_from(["plain", "turned", "rows apart", "turned, columns apart", "neither"])


@given(
    shape=st.tuples(DIMENSIONS, DIMENSIONS, DIMENSIONS, DIMENSIONS),
    layouts=st.tuples(LAYOUTS, LAYOUTS),
    into=st.sampled_from([None, "plain", "rows apart"]),
    wide=st.booleans(),
    small=st.sampled_from([1, 40, 100, SMALL]),
    turned=st.sampled_from([4, 12, TURNED_RESULTS]),
    seed=st.integers(0, 99),
)
def test_a_batch_is_the_product_of_each_pair(
    shape: tuple[int, int, int, int],
    layouts: tuple[str, str],
    into: str | None,
    wide: bool,
    small: int,
    turned: int,
    seed: int,
) -> None:
    count, rows, inner, columns = shape
    generator = torch.Generator().manual_seed(seed)
    left = laid_out((count, rows, inner), layouts[0], generator)
    right = laid_out((count, inner, columns), layouts[1], generator)
    out = None if into is None else laid_out((count, rows, columns), into, generator)
    with pytest.MonkeyPatch.context() as patch:
        in_parts(patch, wide=wide, small=small, turned=turned)
        multiplied = batched(left, right, out)
    expected = torch.stack([one.double() @ other.double() for one, other in zip(left, right, strict=True)])
    torch.testing.assert_close(multiplied, expected.float(), atol=1e-5, rtol=1e-5)
    assert out is None or torch.equal(out, multiplied)


@given(
    shape=st.tuples(DIMENSIONS, DIMENSIONS, DIMENSIONS, DIMENSIONS),
    layouts=st.tuples(LAYOUTS, LAYOUTS),
    wide=st.booleans(),
    least=st.sampled_from([0, 1000]),
    cached=st.sampled_from([10, bmm.CACHED]),
    seed=st.integers(0, 99),
)
def test_a_few_large_products_are_the_products(
    shape: tuple[int, int, int, int], layouts: tuple[str, str], wide: bool, least: int, cached: int, seed: int
) -> None:
    count, rows, inner, columns = shape
    generator = torch.Generator().manual_seed(seed)
    left = laid_out((count, rows, inner), layouts[0], generator)
    right = laid_out((count, inner, columns), layouts[1], generator)
    with pytest.MonkeyPatch.context() as patch:
        in_parts(patch, wide=wide)
        patch.setattr(bmm, "LEAST_MULTIPLICATIONS", least)
        patch.setattr(bmm, "CACHED", cached)
        multiplied = large(left, right)
    expected = torch.stack([one.double() @ other.double() for one, other in zip(left, right, strict=True)])
    torch.testing.assert_close(multiplied, expected.float(), atol=1e-5, rtol=1e-5)


@given(rows=st.integers(1, 150), inner=st.integers(1, 2048), columns=st.integers(1, 150), turned=st.booleans())
def test_parts_divide_the_result_and_are_the_largest_that_stay_small(
    rows: int, inner: int, columns: int, turned: bool
) -> None:
    small = [
        (height, width)
        for height in range(2, rows + 1)
        for width in range(2, columns + 1)
        if rows % height == columns % width == 0
        and height * inner * width <= SMALL
        and (not turned or (inner >= TURNED_INNER and height * width <= TURNED_RESULTS))
    ]
    part = _largest_part(rows, inner, columns, turned)
    if part is None:
        assert small == []
    else:
        assert part in small
        assert part[0] * part[1] == max(height * width for height, width in small)
