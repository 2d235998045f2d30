import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.quantizers import REGISTRY, Int2, Int4, calibrate, parse_quantizer
from encore.featurestore.quantizers.base.gaussian_quantizer import GaussianQuantizer
from tests.featurestore.quantizers.strategies import features

KINDS = [quantizer for quantizer in REGISTRY.values() if issubclass(quantizer, GaussianQuantizer)]


def learned(kind, *batches):
    return calibrate(parse_quantizer(kind.kind), lambda: batches)


def level_numbers(kind, values, mean, deviation):
    """The slow reference: for each number the level at the smallest distance, one by one."""
    levels = kind().levels()
    codes = np.empty(values.shape, np.uint8)
    for place, value in np.ndenumerate(values):
        z = (float(value) - mean[place[1]]) / deviation[place[1]]
        distances = [abs(z - level) for level in levels]
        codes[place] = distances.index(min(distances))
    return codes


def normal_density(points):
    return np.exp(-(points**2) / 2) / math.sqrt(2 * math.pi)


def normal_error(levels):
    """Squared error of the nearest of ``levels`` to a standard normal variable, by numerical integration."""
    points, step = np.linspace(-9, 9, 400_001, retstep=True)
    bounds = (levels[1:] + levels[:-1]) / 2
    nearest = levels[np.searchsorted(bounds, points)]
    return float(((points - nearest) ** 2 * normal_density(points)).sum() * step)


@pytest.mark.parametrize("kind", KINDS)
def test_each_level_is_the_mean_of_the_normal_variable_between_its_thresholds(kind):
    levels = np.array(kind().levels())
    bounds = [-12.0, *(levels[1:] + levels[:-1]) / 2, 12.0]
    for level, low, high in zip(levels, bounds, bounds[1:], strict=False):
        nodes, weights = np.polynomial.legendre.leggauss(200)
        points = (high - low) / 2 * nodes + (high + low) / 2
        mass = weights * normal_density(points)
        assert (mass * points).sum() / mass.sum() == pytest.approx(level, abs=1e-13)


@pytest.mark.parametrize(("kind", "error"), [(Int2, 0.1175), (Int4, 0.009497)])
def test_the_levels_lose_what_max_printed_and_no_change_of_one_loses_less(kind, error):
    levels = np.array(kind().levels())
    least = normal_error(levels)
    assert least == pytest.approx(error, rel=1e-3)
    for place in range(len(levels)):
        for change in (-1e-2, 1e-2):
            moved = levels.copy()
            moved[place] += change
            assert normal_error(moved) > least


@pytest.mark.parametrize("kind", KINDS)
@given(values=features())
def test_the_code_of_each_value_is_the_nearest_level(kind, values):
    quantizer = learned(kind, values)
    decoded = quantizer.dequantize(quantizer.quantize(values), values.shape[1]).double()
    mean, deviation, levels = (
        torch.tensor(numbers, dtype=torch.float64) for numbers in (quantizer.mean, quantizer.deviation, kind().levels())
    )
    z = (values.double() - mean) / deviation
    least = (z.unsqueeze(-1) - levels).abs().amin(dim=-1)
    # Halfway between two levels float32 may take either, so that distances are compared and not codes.
    slack = 1e-5 + (values.double().abs().amax() * 1e-6 + 1e-44) / deviation.min()
    assert ((z - decoded).abs() <= least + slack).all()


@pytest.mark.parametrize(("kind", "bits"), [(Int2, 2), (Int4, 4)])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7, 8, 13, 384])
def test_the_packed_bytes_are_the_bits_of_the_codes_one_after_another(kind, bits, width):
    values = torch.randn(9, width, generator=torch.Generator().manual_seed(width)) * 2 + 1
    quantizer = kind(mean=(1.0,) * width, deviation=(2.0,) * width)
    codes = level_numbers(kind, values.numpy(), quantizer.mean, quantizer.deviation)
    stream = np.unpackbits(codes[..., None], axis=-1)[..., 8 - bits :].reshape(9, width * bits)
    packed = quantizer.quantize(values)
    np.testing.assert_array_equal(packed.numpy(), np.packbits(stream, axis=-1))
    assert packed.shape[1] == quantizer.bytes_per_vector(width) == math.ceil(width * bits / 8)
    np.testing.assert_array_equal(quantizer.dequantize(packed, width).numpy(), np.float32(kind().levels())[codes])


def test_the_first_dimension_is_in_the_highest_bits_and_padding_is_zero():
    two = Int2(mean=(0.0,) * 5, deviation=(1.0,) * 5)
    assert two.quantize(torch.tensor([[9.0, 0.5, -0.5, -9.0, 9.0]])).tolist() == [[0b11_10_01_00, 0b11_00_00_00]]
    four = Int4(mean=(0.0,) * 3, deviation=(1.0,) * 3)
    assert four.quantize(torch.tensor([[9.0, 0.1, -0.1]])).tolist() == [[0b1111_1000, 0b0111_0000]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_decodes_to_the_levels_of_its_codes(kind):
    packed = torch.arange(256, dtype=torch.uint8).unsqueeze(-1)
    per_byte = 8 // kind.bits
    digits = [[byte // 2 ** (kind.bits * place) % 2**kind.bits for place in range(per_byte)] for byte in range(256)]
    expected = np.float32(kind().levels())[np.array(digits)[:, ::-1]]
    np.testing.assert_array_equal(kind().dequantize(packed, per_byte).numpy(), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_mean_and_deviation_are_those_of_the_sample_to_a_fraction_of_a_bin(kind):
    values = torch.randn(20_000, 6) * torch.tensor([1.0, 0.01, 30, 1, 1, 5]) + torch.tensor([0.0, 7, -90, 2, 0, 1])
    quantizer = learned(kind, values[:9000], values[9000:])
    spread = values.double().std(dim=0, correction=0)
    assert (
        (torch.tensor(quantizer.mean, dtype=torch.float64) - values.double().mean(dim=0)).abs() / spread
    ).max() < 1e-3
    assert quantizer.deviation == pytest.approx(spread.tolist(), rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_normal_dimension_loses_what_the_theory_says(kind):
    values = torch.randn(100_000, 3, generator=torch.Generator().manual_seed(0)) * 4 - 2
    quantizer = learned(kind, values)
    lost = (quantizer.dequantize(quantizer.quantize(values), 3) - (values + 2) / 4).square().mean()
    assert float(lost) == pytest.approx(normal_error(np.array(kind().levels())), rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("constant", [0.0, 1e-12, 3.0, -3.0, 1e30])
def test_a_constant_dimension_gives_the_level_next_to_its_mean(kind, constant):
    values = torch.randn(50, 3)
    values[:, 1] = constant
    quantizer = learned(kind, values)
    assert quantizer.mean[1] == torch.tensor(constant).item()
    assert quantizer.deviation[1] == 1
    decoded = quantizer.dequantize(quantizer.quantize(values), 3)
    assert decoded.isfinite().all()
    assert decoded[:, 1].unique().tolist() == [pytest.approx(kind.upper_levels[0])]


@pytest.mark.parametrize("kind", KINDS)
def test_the_widest_range_of_float32_gives_neither_nan_nor_a_wrong_side(kind):
    values = torch.tensor([[3.4e38, -3.4e38, 1.0], [-3.4e38, 3.4e38, 2.0]])
    quantizer = learned(kind, values)
    decoded = quantizer.dequantize(quantizer.quantize(values), 3)
    assert decoded.isfinite().all()
    assert torch.equal(decoded[:, :2].sign(), values[:, :2].sign())
    assert quantizer.saturated(values) == 0


@given(st.sampled_from(KINDS), features())
def test_the_levels_are_stored_for_readers_without_encore(kind, values):
    document = learned(kind, values).to_dict()
    assert document["levels"] == list(kind().levels())
    with pytest.raises(StoreError, match=f"{kind.kind}: stored with other levels"):
        kind.from_dict(document | {"levels": document["levels"][::-1]})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "parameters",
    [
        {"mean": (1.0,)},
        {"mean": (1.0, 2.0), "deviation": (1.0,)},
        {"mean": (), "deviation": ()},
        {"mean": (1.0,), "deviation": (0.0,)},
        {"mean": (1.0,), "deviation": (-1.0,)},
        {"mean": (float("nan"),), "deviation": (1.0,)},
        {"mean": (1.0,), "deviation": (float("inf"),)},
    ],
)
def test_parameters_that_no_calibration_gives_are_refused(kind, parameters):
    with pytest.raises(UsageError, match=f"{kind.kind}: expected "):
        kind(**parameters)


@pytest.mark.parametrize("number", [0, 3, 5, 16])
def test_bits_whose_codes_do_not_fill_bytes_are_refused_where_the_class_is_made(number):
    with pytest.raises(TypeError, match=rf"^Odd: bits {number}: codes fill whole bytes; choose one of \(1, 2, 4, 8\)$"):

        class Odd(GaussianQuantizer):
            bits = number


def test_a_kind_without_bits_is_refused_too():
    with pytest.raises(TypeError, match=r"^Odd: bits None: "):

        class Odd(GaussianQuantizer):
            pass
