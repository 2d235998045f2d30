"""A table of bytes decodes as the quantizer does, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore import FeatureSpec
from encore.featurestore.quantizers import REGISTRY, calibrate, parse_quantizer
from encore.heads.batches.decoding_table import DecodingTable
from tests.documents import packed_numbers
from tests.heads.building import spec_of

REQUESTS = [*REGISTRY, "uint8:per-dimension", "uint8:per-dimension:histogram"]


@pytest.mark.parametrize("request_text", REQUESTS)
@pytest.mark.parametrize("layers", ["mean:4", "stack:3"])
@given(width=st.integers(1, 40), rows=st.integers(0, 9), seed=st.integers(0, 99))
def test_it_decodes_what_the_quantizer_decodes(
    request_text: str, layers: str, width: int, rows: int, seed: int
) -> None:
    spec = spec_of(request_text, layers, width=width)
    packed = torch.from_numpy(packed_numbers(spec, rows, np.random.default_rng(seed)))
    expected = spec.quantizer.dequantize(packed, width)
    for dtype in (torch.float32, torch.float16):
        decoded = DecodingTable(spec.quantizer, width, torch.device("cpu"), dtype)(packed)
        assert decoded.is_contiguous()
        assert torch.equal(decoded, expected.to(dtype))


def test_what_is_the_same_at_every_place_is_kept_once() -> None:
    def entries(spec: FeatureSpec) -> int:
        table = DecodingTable(spec.quantizer, spec.width, torch.device("cpu"), torch.float32)._table
        return 0 if table is None else table.numel()

    sizes = {request: entries(spec_of(request, width=64)) for request in ("sign", "int4", "uint8", "float16")}
    assert sizes == {"sign": 256 * 8, "int4": 256 * 2, "uint8": 256, "float16": 0}
    # A sample whose dimensions differ, as spec_of's hardly do.
    sample = torch.linspace(1, 2, 20)[:, None] * torch.arange(1, 65)
    quantizer = calibrate(parse_quantizer("uint8:per-dimension"), lambda: [sample])
    table = DecodingTable(quantizer, 64, torch.device("cpu"), torch.float32)
    assert table._table is not None
    assert table._table.shape == (64 * 256, 1)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("request_text", REQUESTS)
def test_a_cuda_device_decodes_the_same(request_text: str) -> None:
    spec = spec_of(request_text, width=72)
    packed = torch.from_numpy(packed_numbers(spec, 50, np.random.default_rng(0)))
    decoded = DecodingTable(spec.quantizer, 72, torch.device("cuda"), torch.float32)(packed.cuda())
    assert torch.equal(decoded.cpu(), spec.quantizer.dequantize(packed, 72))
