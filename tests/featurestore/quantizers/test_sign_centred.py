import numpy as np
import pytest
import torch
from hypothesis import given

from encore.featurestore.errors import UsageError
from encore.featurestore.quantizers import Sign, SignCentred, calibrate, parse_quantizer
from encore.featurestore.quantizers.base.histograms import BINS
from tests.featurestore.quantizers.strategies import features


def learned(*batches):
    return calibrate(parse_quantizer("sign-centred"), lambda: batches)


@given(features())
def test_the_bytes_are_those_of_numpy_packbits(values):
    quantizer = learned(values)
    bits = values.numpy() >= np.float32(quantizer.median)
    packed = quantizer.quantize(values)
    np.testing.assert_array_equal(packed.numpy(), np.packbits(bits, axis=-1))
    decoded = quantizer.dequantize(packed, values.shape[1])
    np.testing.assert_array_equal(decoded.numpy(), np.where(bits, np.float32(1), np.float32(-1)))


@given(features())
def test_around_zero_it_is_sign(values):
    at_zero = SignCentred(median=(0.0,) * values.shape[1])
    assert torch.equal(at_zero.quantize(values), Sign().quantize(values))


@given(features())
def test_the_median_lies_in_the_bin_that_holds_the_sample_s(values):
    median = np.array(learned(values).median)
    exact = values.double().numpy()
    low, high = (np.quantile(exact, 0.5, axis=0, method=method) for method in ("lower", "higher"))
    bins = (exact.max(axis=0) - exact.min(axis=0)) / BINS
    slack = 1e-9 * np.abs(exact).max()
    assert (median >= low - bins - slack).all()
    assert (median <= high + bins + slack).all()


def test_half_of_the_sample_lies_on_either_side_whatever_the_shape():
    values = torch.empty(40_000, 3).exponential_() * torch.tensor([1.0, -5.0, 0.01]) + torch.tensor([0.0, 100, -3])
    quantizer = learned(values[:100], values[100:])
    decoded = quantizer.dequantize(quantizer.quantize(values), 3)
    assert decoded.mean(dim=0).abs().max() < 0.002


@pytest.mark.parametrize("constant", [0.0, 1e-12, 3.0, -3.0, 1e30])
def test_a_constant_dimension_is_its_own_median(constant):
    values = torch.randn(50, 2)
    values[:, 1] = constant
    quantizer = learned(values)
    assert quantizer.median[1] == torch.tensor(constant).item()
    assert quantizer.dequantize(quantizer.quantize(values), 2)[:, 1].tolist() == [1.0] * 50


def test_no_value_saturates():
    assert learned(torch.randn(5, 2)).saturated(torch.tensor([[1e38, -1e38]])) == 0


@pytest.mark.parametrize("median", [(), (float("nan"),), (1.0, float("inf"))])
def test_medians_that_no_calibration_gives_are_refused(median):
    with pytest.raises(UsageError, match="sign-centred: expected median"):
        SignCentred(median=median)
