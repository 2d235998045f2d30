"""Bits by NumPy are those by torch's shifts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore.quantizers.base.packing import pack, pack_at_least

SPECIAL = torch.tensor([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e-45, -1e-45, 3.0])


def plain(values: torch.Tensor, threshold: torch.Tensor | float) -> torch.Tensor:
    return pack((values >= threshold).view(torch.uint8), 1)


@given(
    shape=st.lists(st.integers(0, 4), min_size=1, max_size=2),
    width=st.integers(1, 40),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    per_dimension=st.booleans(),
    seed=st.integers(0, 99),
)
def test_bits_are_those_of_the_shifts(
    shape: list[int], width: int, dtype: torch.dtype, per_dimension: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = SPECIAL[torch.randint(0, len(SPECIAL), (*shape, width), generator=generator)].to(dtype)
    threshold = torch.randn(width, generator=generator).to(dtype) if per_dimension else 0.0
    packed = pack_at_least(values, threshold)
    assert packed.shape == (*shape, -(-width // 8))
    assert torch.equal(packed, plain(values, threshold))


def test_a_view_is_packed_as_its_copy_is() -> None:
    values = torch.randn(6, 40)[::2, 3:29]
    assert torch.equal(pack_at_least(values, 0.0), plain(values.contiguous(), 0.0))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_device_packs_the_same_bits() -> None:
    values = torch.randn(33, 100)
    assert torch.equal(pack_at_least(values.cuda(), 0.0).cpu(), pack_at_least(values, 0.0))
