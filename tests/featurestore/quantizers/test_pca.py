from __future__ import annotations

import base64
import itertools
import json
import math

import numpy as np
import pytest
import torch

from featurestore.errors import DataError, UsageError
from featurestore.quantizers import Pca, calibrate, parse_quantizer, quantizer_from_dict
from featurestore.quantizers.moments import Moments
from featurestore.quantizers.pca import ERRORS, STEPS, allocate_bits


def correlated(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    """Vectors of a few strong directions and many weak ones, away from the origin."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=generator) * torch.logspace(0.5, -1.5, width)
    return torch.randn(rows, width, generator=generator) @ mixing.T + torch.linspace(-1, 2, width)


def density(points: np.ndarray) -> np.ndarray:
    return np.exp(-(points**2) / 2) / math.sqrt(2 * math.pi)


def uniform_error(step: float, bits: int) -> float:
    """Squared error of 2**bits equally spaced levels on a standard normal variable, by the trapezoid rule."""
    points = np.linspace(-10, 10, 400_001)
    half = 2 ** (bits - 1)
    codes = np.clip(np.floor(points / step), -half, half - 1)
    return float(np.trapezoid((points - (codes + 0.5) * step) ** 2 * density(points), points))


@pytest.mark.parametrize("bits", range(1, len(STEPS) + 1))
def test_the_steps_are_those_of_least_error_for_a_normal_variable(bits: int) -> None:
    step, error = STEPS[bits - 1], ERRORS[bits]
    assert uniform_error(step, bits) == pytest.approx(error, rel=1e-4)
    assert uniform_error(step * 1.01, bits) > error < uniform_error(step * 0.99, bits)


def test_each_bit_lowers_the_error_by_less_than_the_one_before() -> None:
    gains = [before - after for before, after in itertools.pairwise(ERRORS)]
    assert all(first > second > 0 for first, second in itertools.pairwise(gains))


def test_bits_are_allocated_as_the_best_of_all_allocations() -> None:
    variances = (4.0, 1.5, 0.6, 0.01)
    for total in range(9):
        every = (bits for bits in itertools.product(range(5), repeat=4) if sum(bits) == total)

        def error(bits: tuple[int, ...]) -> float:
            return sum(variance * ERRORS[count] for variance, count in zip(variances, bits, strict=True))

        assert error(allocate_bits(variances, total)) == pytest.approx(min(map(error, every)))


def test_the_covariance_is_the_samples_and_does_not_depend_on_how_it_is_split() -> None:
    values = correlated(5000, 12)
    bound = values.abs().amax(dim=0).double()
    whole, parts = Moments(bound), [Moments(bound) for _ in range(3)]
    whole.update(values)
    for place, part in enumerate(torch.split(values, 700)):
        parts[place % 3].update(part)
    merged = Moments(bound)
    for part in reversed(parts):
        merged.merge(part)
    assert torch.equal(whole.products, merged.products)
    assert torch.equal(whole.sums, merged.sums)
    mean, covariance = whole.mean_and_covariance()
    # Fixed point in 2,047 steps of each dimension's bound.
    torch.testing.assert_close(mean, values.double().mean(dim=0), rtol=0, atol=1e-3)
    expected = torch.from_numpy(np.cov(values.double().numpy().T, bias=True))
    torch.testing.assert_close(covariance, expected, rtol=1e-2, atol=5e-3)


def plain_codes(quantizer: Pca, vector: np.ndarray) -> tuple[list[int], list[float]]:
    """Bits of one vector and what they decode to, component by component."""
    assert quantizer.rotation is not None
    assert quantizer.mean is not None
    assert quantizer.deviation is not None
    assert quantizer.allocated is not None
    width = len(vector)
    rotation = np.frombuffer(base64.b64decode(quantizer.rotation), "<f2").reshape(width, width).astype(np.float64)
    components = (vector.astype(np.float64) - np.array(quantizer.mean)) @ rotation
    codes, decoded = [], []
    for component, deviation, bits in zip(components, quantizer.deviation, quantizer.allocated, strict=True):
        if bits == 0:
            codes.append(0)
            decoded.append(0.0)
            continue
        step = STEPS[bits - 1] * deviation
        code = min(max(math.floor(component / step) + 2 ** (bits - 1), 0), 2**bits - 1)
        codes.append(code)
        decoded.append((code - (2**bits - 1) / 2) * step)
    planes = [
        code >> (bits - 1 - place) & 1
        for place in range(max(quantizer.allocated))
        for code, bits in zip(codes, quantizer.allocated, strict=True)
        if bits > place
    ]
    return planes, decoded


@pytest.mark.parametrize("request_text", ["pca:0.5", "pca:1", "pca:2", "pca:3.3"])
def test_vectors_are_packed_and_decoded_as_one_component_at_a_time_would_be(request_text: str) -> None:
    values = correlated(4000, 20)
    quantizer = calibrate(parse_quantizer(request_text), lambda: [values])
    assert isinstance(quantizer, Pca)
    sample = values[:40]
    packed = quantizer.quantize(sample)
    decoded = quantizer.dequantize(packed, 20)
    assert packed.shape == (40, quantizer.bytes_per_vector(20)) == (40, -(-round(quantizer.bits * 20) // 8))
    for row, vector in enumerate(sample.numpy()):
        bits, expected = plain_codes(quantizer, vector)
        assert packed[row].numpy().tobytes() == np.packbits(bits).tobytes()
        np.testing.assert_allclose(decoded[row].numpy(), expected, rtol=1e-5, atol=1e-6)


def test_one_bit_keeps_more_of_uneven_variance_than_signs_do() -> None:
    values = correlated(6000, 32)
    quantizer = calibrate(parse_quantizer("pca:1"), lambda: [values])
    assert isinstance(quantizer, Pca)
    mean, rotation, *_ = quantizer._tensors
    components = (values - mean) @ rotation
    left = ((components - quantizer.dequantize(quantizer.quantize(values), 32)) ** 2).sum() / (components**2).sum()
    assert float(left) < 0.15


def test_more_bits_never_keep_less() -> None:
    values = correlated(3000, 16)
    left = []
    for bits in (0.25, 0.5, 1, 2, 4):
        quantizer = calibrate(Pca(bits), lambda: [values])
        mean, rotation, *_ = quantizer._tensors
        decoded = quantizer.dequantize(quantizer.quantize(values), 16)
        left.append(float((((values - mean) @ rotation - decoded) ** 2).sum()))
    assert left == sorted(left, reverse=True)


def test_stacked_layers_and_single_vectors_keep_their_shape() -> None:
    values = correlated(600, 8)
    quantizer = calibrate(Pca(1), lambda: [values.view(200, 3, 8)])
    packed = quantizer.quantize(values.view(200, 3, 8))
    assert packed.shape == (200, 3, 1)
    assert quantizer.dequantize(packed, 8).shape == (200, 3, 8)
    assert torch.equal(quantizer.quantize(values).view(200, 3, 1), packed)
    assert quantizer.dequantize(packed[:0], 8).shape == (0, 3, 8)


def test_a_dimension_that_never_varied_is_harmless() -> None:
    values = correlated(500, 6)
    values[:, 2] = 3.0
    quantizer = calibrate(Pca(6), lambda: [values])
    assert quantizer.dequantize(quantizer.quantize(values), 6).isfinite().all()
    constant = calibrate(Pca(2), lambda: [torch.zeros(10, 4)])
    assert torch.equal(constant.dequantize(constant.quantize(torch.ones(3, 4)), 4), torch.zeros(3, 4))


def test_vectors_that_are_not_finite_teach_nothing() -> None:
    values = correlated(400, 6)
    broken = torch.cat([values, torch.full((1, 6), math.inf), torch.full((1, 6), math.nan)])
    assert calibrate(Pca(1), lambda: [values]) == calibrate(Pca(1), lambda: [broken])
    with pytest.raises(DataError, match="no finite vector"):
        calibrate(Pca(1), lambda: [broken[-2:]])


def test_every_stage_of_calibration_survives_json() -> None:
    values = correlated(400, 6)
    asked = parse_quantizer("pca:1.5")
    statistics = asked.calibration_pass()
    assert statistics is not None
    statistics.update(values)
    between = asked.with_calibration(statistics)
    done = calibrate(asked, lambda: [values])
    for quantizer in (asked, between, done):
        assert quantizer_from_dict(json.loads(json.dumps(quantizer.to_dict()))) == quantizer
    assert calibrate(between, lambda: [values]) == done
    assert (asked.calibrated, between.calibrated, done.calibrated) == (False, False, True)


def test_requests_have_one_spelling_and_others_are_refused() -> None:
    assert parse_quantizer("pca").request == "pca:1"
    assert parse_quantizer("pca:1.0").request == "pca:1"
    assert parse_quantizer("pca:0.50").request == "pca:0.5"
    for text in ("pca:x", "pca:", "pca:-1", "pca:1:2"):
        with pytest.raises(UsageError, match="expected pca or pca:B"):
            parse_quantizer(text)
    for text in ("pca:0", "pca:7", "pca:6.5"):
        with pytest.raises(UsageError, match="bits a dimension"):
            parse_quantizer(text)


def test_parameters_that_no_calibration_gives_are_refused() -> None:
    done = calibrate(Pca(1), lambda: [correlated(300, 4)])
    document = done.to_dict()
    for name, value in (
        ("mean", None),
        ("mean", [0.0] * 3),
        ("allocated", [0, 1, 1, 2]),
        ("allocated", [1, 1, 1, 0]),
        ("deviation", [1.0, 1.0, 1.0, -1.0]),
        ("deviation", [1.0, 1.0, 1.0, math.inf]),
        ("rotation", "AAAA"),
    ):
        with pytest.raises(UsageError, match="pca"):
            quantizer_from_dict({**document, name: value})
    with pytest.raises(UsageError, match="has not been calibrated"):
        Pca(1).quantize(torch.zeros(1, 4))
