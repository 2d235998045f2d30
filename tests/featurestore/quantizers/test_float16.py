import pytest
import torch
from hypothesis import given

from encore.featurestore.quantizers import Float16
from tests.featurestore.quantizers.strategies import features


@given(features(bound=1e38))
def test_nothing_finite_becomes_infinite(values):
    packed = Float16().quantize(values)
    assert packed.dtype == torch.float16
    assert packed.isfinite().all()
    assert packed.abs().max() <= 65504


@given(features(bound=65504))
def test_values_in_range_are_rounded_as_ieee_half(values):
    assert torch.equal(Float16().quantize(values), values.half())
    assert torch.equal(Float16().dequantize(values.half(), values.shape[1]), values.half().float())
    assert Float16().saturated(values) == 0


def test_values_out_of_range_saturate_and_are_counted():
    values = torch.tensor([[65504.0, 65505.0, -70000.0, 1e38, 0.0]])
    assert Float16().quantize(values).tolist() == [[65504.0, 65504.0, -65504.0, 65504.0, 0.0]]
    assert Float16().saturated(values) == 3


def test_bfloat16_values_out_of_range_saturate_too():
    values = torch.tensor([[65536.0, -1e30, 1.0]], dtype=torch.bfloat16)
    assert Float16().quantize(values).tolist() == [[65504.0, -65504.0, 1.0]]
    assert Float16().saturated(values) == 2


def test_there_is_nothing_to_calibrate():
    assert Float16().calibrated
    assert Float16().calibration_pass() is None
    with pytest.raises(ValueError, match="float16 is not calibrated"):
        Float16().with_calibration(None)
