import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore import quantizers
from encore.featurestore.errors import UsageError
from encore.featurestore.quantizers import (
    REGISTRY,
    Quantizer,
    UInt8,
    calibrate,
    parse_quantizer,
    quantizer_from_dict,
)
from encore.featurestore.quantizers.base import LearnedQuantizer
from encore.featurestore.quantizers.uint8 import GRANULARITIES, METHODS
from tests.featurestore.quantizers.strategies import features

FILES = Path(quantizers.__file__).parent

REQUESTS = [
    *(kind for kind in REGISTRY if kind != UInt8.kind),
    *(f"uint8:{granularity}:{method}" for granularity in GRANULARITIES for method in METHODS),
]

STANDARDISED = {kind for kind, quantizer in REGISTRY.items() if issubclass(quantizer, LearnedQuantizer)}
"""Decoded on a scale of their own, so that quantizing once more means nothing."""


def test_the_registry_holds_the_quantizer_of_every_file():
    files = {path.stem for path in FILES.glob("*.py")} - {"__init__", "registry"}
    assert len(files) >= 6
    assert {quantizer.__module__.rpartition(".")[2] for quantizer in REGISTRY.values()} == files


@pytest.mark.parametrize("kind", REGISTRY)
def test_every_quantizer_keeps_the_protocol(kind):
    quantizer = parse_quantizer(kind)
    assert isinstance(quantizer, Quantizer)
    assert quantizer.kind == kind
    assert quantizer.default_codec in {"none", "zstd", "blosc"}


@pytest.mark.parametrize("request_text", REQUESTS)
def test_a_canonical_request_reads_back_as_itself(request_text):
    assert parse_quantizer(request_text).request == request_text


@pytest.mark.parametrize(
    ("short", "canonical"),
    [
        ("uint8", "uint8:per-tensor:min-max"),
        ("uint8:per-dimension", "uint8:per-dimension:min-max"),
        ("uint8:histogram", "uint8:per-tensor:histogram"),
        ("uint8:histogram:per-dimension", "uint8:per-dimension:histogram"),
    ],
)
def test_what_is_left_out_takes_the_default(short, canonical):
    assert parse_quantizer(short).request == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no-such-kind",
        "int4:histogram",
        "int2:",
        "sign-centred:mean",
        "float16:per-tensor",
        "sign:median",
        "uint8:",
        "uint8:per-row",
        "uint8:min-max:histogram",
        "uint8:a:b:c",
    ],
)
def test_an_unknown_request_is_a_usage_error_that_quotes_it(text):
    with pytest.raises(UsageError, match=f"quantizer '{text}': "):
        parse_quantizer(text)


def test_an_unknown_kind_lists_the_known_ones():
    with pytest.raises(UsageError, match=f"expected one of {', '.join(REGISTRY)}$"):
        parse_quantizer("no-such-kind")


@given(st.sampled_from(REQUESTS), features())
def test_a_calibrated_quantizer_survives_json_exactly(request_text, values):
    quantizer = calibrate(parse_quantizer(request_text), lambda: [values])
    restored = quantizer_from_dict(json.loads(json.dumps(quantizer.to_dict(), allow_nan=False)))
    assert restored == quantizer
    assert restored.calibrated
    packed = quantizer.quantize(values)
    assert torch.equal(restored.quantize(values), packed)
    assert torch.equal(restored.dequantize(packed, values.shape[1]), quantizer.dequantize(packed, values.shape[1]))


@pytest.mark.parametrize("request_text", REQUESTS)
def test_an_uncalibrated_quantizer_survives_json(request_text):
    quantizer = parse_quantizer(request_text)
    assert quantizer_from_dict(json.loads(json.dumps(quantizer.to_dict()))) == quantizer


@pytest.mark.parametrize(
    ("kind", "width", "expected"),
    [("float16", 1024, 2048), ("uint8", 1024, 1024), ("sign", 1024, 128), ("float16", 384, 768), ("sign", 13, 2)],
)
def test_bytes_per_vector_are_those_of_table_2(kind, width, expected):
    quantizer = calibrate(parse_quantizer(kind), lambda: [torch.randn(3, width)])
    packed = quantizer.quantize(torch.randn(3, width)).numpy()
    assert quantizer.bytes_per_vector(width) == expected == packed[0].nbytes
    assert packed.shape == (3, quantizer.packed_width(width))
    assert packed.dtype == quantizer.dtype


@given(st.sampled_from(REQUESTS), features())
def test_leading_axes_are_kept_and_do_not_change_a_number(request_text, values):
    quantizer = calibrate(parse_quantizer(request_text), lambda: [values])
    width = values.shape[1]
    stacked = values.repeat(3, 1, 1)
    packed = quantizer.quantize(stacked)
    assert packed.shape == (3, len(values), quantizer.packed_width(width))
    assert torch.equal(packed[1], quantizer.quantize(values))
    decoded = quantizer.dequantize(packed, width)
    assert decoded.dtype == torch.float32
    assert decoded.shape == stacked.shape


@given(st.sampled_from([request for request in REQUESTS if request not in STANDARDISED]), features())
def test_quantizing_what_was_decoded_gives_the_same_numbers(request_text, values):
    quantizer = calibrate(parse_quantizer(request_text), lambda: [values])
    packed = quantizer.quantize(values)
    assert torch.equal(quantizer.quantize(quantizer.dequantize(packed, values.shape[1])), packed)


@pytest.mark.parametrize("request_text", REQUESTS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_half_precision_features_are_quantized_as_their_float32_equals(request_text, dtype):
    values = torch.randn(7, 24).to(dtype)
    quantizer = calibrate(parse_quantizer(request_text), lambda: [values])
    assert quantizer == calibrate(parse_quantizer(request_text), lambda: [values.float()])
    assert torch.equal(quantizer.quantize(values), quantizer.quantize(values.float()))


@pytest.mark.parametrize("request_text", REQUESTS)
def test_the_features_given_are_left_untouched(request_text):
    values = torch.randn(5, 16)
    before = values.clone()
    quantizer = calibrate(parse_quantizer(request_text), lambda: [values])
    packed = quantizer.quantize(values)
    stored = packed.clone()
    quantizer.dequantize(packed, 16)
    quantizer.saturated(values)
    assert torch.equal(values, before)
    assert torch.equal(packed, stored)


@pytest.mark.parametrize("request_text", REQUESTS)
def test_no_vectors_at_all_are_packed_to_none(request_text):
    quantizer = calibrate(parse_quantizer(request_text), lambda: [torch.randn(4, 10)])
    packed = quantizer.quantize(torch.empty(0, 10))
    assert packed.shape == (0, quantizer.packed_width(10))
    assert quantizer.dequantize(packed, 10).shape == (0, 10)
    assert quantizer.saturated(torch.empty(0, 10)) == 0


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("request_text", REQUESTS)
def test_a_cuda_device_learns_and_packs_what_the_cpu_does(request_text):
    values = torch.randn(200, 384)
    on_cpu = calibrate(parse_quantizer(request_text), lambda: [values])
    on_gpu = calibrate(parse_quantizer(request_text), lambda: [values.cuda()])
    assert on_gpu == on_cpu
    packed = on_gpu.quantize(values.cuda())
    assert torch.equal(packed.cpu(), on_cpu.quantize(values))
    assert torch.equal(on_gpu.dequantize(packed, 384).cpu(), on_cpu.dequantize(packed.cpu(), 384))
