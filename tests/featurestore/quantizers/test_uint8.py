import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.ao.quantization import HistogramObserver, MinMaxObserver, PerChannelMinMaxObserver

from encore.featurestore.errors import DataError, UsageError
from encore.featurestore.quantizers import UInt8, calibrate, parse_quantizer
from tests.featurestore.quantizers.strategies import features

VARIANTS = [f"uint8:{g}:{m}" for g in ("per-tensor", "per-dimension") for m in ("min-max", "histogram")]


def learned(request, *batches):
    return calibrate(parse_quantizer(request), lambda: batches)


def observed(observer, values):
    observer(values)
    scale, zero_point = observer.calculate_qparams()
    return tuple(scale.tolist()), tuple(zero_point.tolist())


def squared_error(quantizer, values):
    decoded = quantizer.dequantize(quantizer.quantize(values), values.shape[-1])
    return float((decoded - values).double().square().mean())


@given(features(bound=1e30))
@example(torch.zeros(2, 3))
@example(torch.full((2, 3), -7.5))
@example(torch.tensor([[1e-20, 1.0]]))
def test_per_tensor_min_max_learns_what_pytorchs_observer_learns(values):
    quantizer = learned("uint8:per-tensor:min-max", values)
    observer = MinMaxObserver(dtype=torch.quint8, qscheme=torch.per_tensor_affine)
    assert (quantizer.scale, quantizer.zero_point) == observed(observer, values)


@given(features(bound=1e30))
@example(torch.tensor([[0.0, 5.0, -5.0], [0.0, 5.0, -5.0]]))
def test_per_dimension_min_max_learns_what_pytorchs_observer_learns(values):
    quantizer = learned("uint8:per-dimension:min-max", values)
    observer = PerChannelMinMaxObserver(ch_axis=1, dtype=torch.quint8, qscheme=torch.per_channel_affine)
    assert (quantizer.scale, quantizer.zero_point) == observed(observer, values)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
@given(features(bound=100))
def test_the_numbers_are_those_of_pytorchs_own_quantization(values):
    quantizer = learned("uint8", values)
    [scale], [zero_point] = quantizer.scale, quantizer.zero_point
    theirs = torch.quantize_per_tensor(values, scale, zero_point, torch.quint8)
    ours = quantizer.quantize(values)
    # PyTorch multiplies by the reciprocal, so that values halfway between two numbers may go either way.
    assert (ours.int() - theirs.int_repr().int()).abs().max() <= 1
    torch.testing.assert_close(quantizer.dequantize(theirs.int_repr(), values.shape[1]), theirs.dequantize())


@pytest.mark.parametrize("variant", VARIANTS)
@given(values=features(), data=st.data())
def test_calibration_does_not_depend_on_the_order_or_the_split_of_the_sample(variant, values, data):
    whole = parse_quantizer(variant)
    split = parse_quantizer(variant)
    rows = values[torch.tensor(data.draw(st.permutations(range(len(values)))))]
    cut = data.draw(st.integers(0, len(values)))
    while not whole.calibrated:
        once = whole.calibration_pass()
        once.update(values)
        here, there = split.calibration_pass(), split.calibration_pass()
        for row in rows[:cut]:
            here.update(row.unsqueeze(0))
        there.update(rows[cut:])
        first, second = (here, there) if data.draw(st.booleans()) else (there, here)
        first.merge(second)
        whole, split = whole.with_calibration(once), split.with_calibration(first)
    assert split == whole


@pytest.mark.parametrize("variant", ["uint8:per-tensor:min-max", "uint8:per-dimension:min-max"])
@given(values=features())
def test_every_value_of_the_sample_comes_back_within_half_a_step(variant, values):
    quantizer = learned(variant, values)
    decoded = quantizer.dequantize(quantizer.quantize(values), values.shape[1])
    # Half a step for rounding, half for the rounding of the zero point at the ends, and float32's own.
    steps = (decoded - values).abs() / torch.tensor(quantizer.scale)
    assert steps.max() <= 0.501
    assert quantizer.saturated(values) == 0


@pytest.mark.parametrize("variant", VARIANTS)
@given(values=features(bound=1e30))
def test_zero_is_represented_exactly(variant, values):
    quantizer = learned(variant, values)
    assert all(0 <= zero_point <= 255 for zero_point in quantizer.zero_point)
    zeros = torch.zeros_like(values)
    assert torch.equal(quantizer.dequantize(quantizer.quantize(zeros), values.shape[1]), zeros)


def test_values_out_of_range_saturate_and_are_counted():
    quantizer = learned("uint8", torch.tensor([[-1.0, 1.55]]))
    assert quantizer.quantize(torch.tensor([[-1.0, 1.55, -50.0, 50.0, 3e38, float("inf")]])).tolist() == [
        [0, 255, 0, 255, 255, 255]
    ]
    assert quantizer.saturated(torch.tensor([[-1.0, 1.55, -50.0, 50.0, 3e38, 1.0]])) == 3


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("constant", [0.0, 1e-12, 3.0, -3.0, 1e30])
def test_a_constant_dimension_never_gives_nan(variant, constant):
    values = torch.randn(50, 3)
    values[:, 1] = constant
    quantizer = learned(variant, values)
    decoded = quantizer.dequantize(quantizer.quantize(values), 3)
    assert decoded.isfinite().all()
    if "per-dimension" in variant:
        torch.testing.assert_close(decoded[:, 1], values[:, 1], atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_widest_range_of_float32_does_not_overflow(variant):
    values = torch.tensor([[3.4e38, -3.4e38, 1.0], [-3.4e38, 3.4e38, 2.0]])
    quantizer = learned(variant, values)
    decoded = quantizer.dequantize(quantizer.quantize(values), 3)
    assert decoded.isfinite().all()
    assert torch.equal(decoded[:, :2].sign(), values[:, :2].sign())


@pytest.mark.parametrize("variant", VARIANTS)
def test_vectors_that_are_not_finite_do_not_take_part_in_calibration(variant):
    good = torch.randn(30, 4)
    bad = torch.tensor([[float("nan"), 90.0, 0.0, 0.0], [0.0, float("-inf"), 0.0, 70.0]])
    assert learned(variant, torch.cat([good[:10], bad, good[10:]]), bad) == learned(variant, good)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("batches", [[], [torch.empty(0, 4)], [torch.full((2, 4), float("nan"))]])
def test_a_sample_without_finite_vectors_is_an_error(variant, batches):
    with pytest.raises(DataError, match="the calibration sample holds no finite vector"):
        learned(variant, *batches)


def test_an_uncalibrated_quantizer_refuses_to_quantize():
    with pytest.raises(UsageError, match="uint8:per-tensor:min-max has not been calibrated"):
        UInt8().quantize(torch.zeros(1, 2))


def heavy_tails(seed):
    """Laplace values, each dimension with its own spread."""
    generator = torch.Generator().manual_seed(seed)
    one, other = torch.empty(2, 20000, 8).exponential_(generator=generator)
    return (one - other) * torch.tensor([1.0, 2, 0.1, 5, 1, 1, 1, 9])


@pytest.mark.parametrize("granularity", ["per-tensor", "per-dimension"])
def test_a_histogram_loses_less_than_min_max_on_heavy_tails(granularity):
    values = heavy_tails(0)
    min_max = squared_error(learned(f"uint8:{granularity}:min-max", values), values)
    histogram = squared_error(learned(f"uint8:{granularity}:histogram", values), values)
    assert histogram < 0.97 * min_max


DISTRIBUTIONS = {
    "normal": lambda g: torch.randn(20000, 1, generator=g),
    "shifted": lambda g: torch.randn(20000, 1, generator=g) + 3,
    "positive": lambda g: torch.randn(20000, 1, generator=g).abs() + 2,
    "negative": lambda g: -torch.rand(20000, 1, generator=g) - 1,
    "uniform": lambda g: torch.rand(20000, 1, generator=g) - 0.3,
    "heavy-tailed": lambda g: torch.randn(20000, 1, generator=g) ** 3,
    "two values": lambda g: torch.randint(0, 2, (20000, 1), generator=g).float(),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_histogram_is_no_worse_than_min_max_or_pytorchs_search(name):
    values = DISTRIBUTIONS[name](torch.Generator().manual_seed(1))
    ours = squared_error(learned("uint8:histogram", values), values)
    min_max = squared_error(learned("uint8:min-max", values), values)
    scale, zero_point = observed(HistogramObserver(dtype=torch.quint8, qscheme=torch.per_tensor_affine), values)
    theirs = squared_error(UInt8(method="histogram", scale=scale, zero_point=zero_point), values)
    assert ours <= 1.02 * min_max
    assert ours <= 1.02 * theirs


def test_a_histogram_of_each_dimension_is_that_of_the_dimension_alone():
    values = heavy_tails(1)
    together = learned("uint8:per-dimension:histogram", values)
    for dimension in range(values.shape[1]):
        alone = learned("uint8:per-tensor:histogram", values[:, dimension : dimension + 1])
        assert (together.scale[dimension], together.zero_point[dimension]) == (*alone.scale, *alone.zero_point)


def test_a_batch_larger_than_is_binned_at_once_counts_the_same(monkeypatch):
    values = heavy_tails(2)
    whole = learned("uint8:per-dimension:histogram", values)
    monkeypatch.setattr("encore.featurestore.quantizers.base.histograms.VALUES_AT_ONCE", 100)
    assert learned("uint8:per-dimension:histogram", values) == whole


def test_half_calibrated_parameters_survive_a_round_trip():
    quantizer = parse_quantizer("uint8:histogram")
    statistics = quantizer.calibration_pass()
    statistics.update(torch.randn(9, 4))
    halfway = quantizer.with_calibration(statistics)
    assert not halfway.calibrated
    assert UInt8.from_dict(halfway.to_dict()) == halfway != quantizer


@pytest.mark.parametrize(
    "parameters",
    [
        {"scale": (1.0,)},
        {"scale": (1.0, 2.0), "zero_point": (0, 0)},
        {"scale": (), "zero_point": (), "granularity": "per-dimension"},
        {"scale": (0.0,), "zero_point": (0,)},
        {"scale": (float("nan"),), "zero_point": (0,)},
        {"scale": (1.0,), "zero_point": (256,)},
        {"scale": (1.0, 1.0), "zero_point": (1,), "granularity": "per-dimension"},
    ],
)
def test_parameters_that_no_calibration_gives_are_refused(parameters):
    with pytest.raises(UsageError, match="uint8"):
        UInt8(**parameters)
