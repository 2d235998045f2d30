"""Decoding into memory that is there gives what decoding into new memory gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore.quantizers import REGISTRY, calibrate, parse_quantizer
from encore.featurestore.quantizers.base.packing import unpack
from tests.featurestore.quantizers.strategies import features


@pytest.mark.parametrize("kind", REGISTRY)
@given(values=features())
def test_all_of_the_memory_is_written_and_none_beside_it(kind: str, values: torch.Tensor) -> None:
    quantizer = calibrate(parse_quantizer(kind), lambda: [values])
    packed, width = quantizer.quantize(values), values.shape[1]
    memory = torch.full((len(values) + 2, width), torch.nan)
    decoded = quantizer.dequantize(packed, width, out=memory[1:-1])
    assert decoded.data_ptr() == memory[1:-1].data_ptr()
    assert torch.equal(memory[1:-1], quantizer.dequantize(packed, width))
    assert memory[[0, -1]].isnan().all()


@given(bits=st.sampled_from([1, 2, 4]), width=st.integers(1, 40), rows=st.integers(0, 5), into=st.booleans())
def test_codes_become_their_levels_in_the_order_of_their_bits(bits: int, width: int, rows: int, into: bool) -> None:
    random = np.random.default_rng(width)
    levels = tuple(random.normal(size=2**bits).astype(np.float32).tolist())
    packed = random.integers(0, 256, (rows, 2, -(-width * bits // 8)), np.uint8)
    codes = np.unpackbits(packed, axis=-1).reshape(rows, 2, 8 // bits * packed.shape[-1], bits) @ (
        2 ** np.arange(bits)[::-1]
    )
    out = torch.empty(rows, 2, width) if into else None
    decoded = unpack(torch.from_numpy(packed), levels, width, out)
    np.testing.assert_array_equal(decoded.numpy(), np.float32(levels)[codes[..., :width]])
