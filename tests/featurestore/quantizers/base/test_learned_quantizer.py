import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore.errors import DataError, UsageError
from encore.featurestore.quantizers import REGISTRY, calibrate, parse_quantizer, quantizer_from_dict
from encore.featurestore.quantizers.base import LearnedQuantizer
from tests.featurestore.quantizers.strategies import features

KINDS = [kind for kind, quantizer in REGISTRY.items() if issubclass(quantizer, LearnedQuantizer)]


@pytest.mark.parametrize("kind", KINDS)
@given(values=features(bound=1e30), data=st.data())
def test_calibration_does_not_depend_on_the_order_or_the_split_of_the_sample(kind, values, data):
    whole = split = parse_quantizer(kind)
    rows = values[torch.tensor(data.draw(st.permutations(range(len(values)))))]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), min_size=2, max_size=2)))
    while not whole.calibrated:
        once = whole.calibration_pass()
        once.update(values)
        parts = []
        for part in (rows[: cuts[0]], rows[cuts[0] : cuts[1]], rows[cuts[1] :]):
            parts.append(split.calibration_pass())
            parts[-1].update(part)
        first, *others = data.draw(st.permutations(parts))
        for other in others:
            first.merge(other)
        whole, split = whole.with_calibration(once), split.with_calibration(first)
    assert split == whole


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_that_are_not_finite_do_not_take_part_in_calibration(kind):
    good = torch.randn(30, 4)
    bad = torch.tensor([[float("nan"), 90.0, 0.0, 0.0], [0.0, float("-inf"), 0.0, 70.0]])
    mixed = [torch.cat([good[:10], bad, good[10:]]), bad]
    assert calibrate(parse_quantizer(kind), lambda: mixed) == calibrate(parse_quantizer(kind), lambda: [good])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batches", [[], [torch.empty(0, 4)], [torch.full((2, 4), float("nan"))]])
def test_a_sample_without_finite_vectors_is_an_error(kind, batches):
    with pytest.raises(DataError, match=f"{kind}: the calibration sample holds no finite vector"):
        calibrate(parse_quantizer(kind), lambda: batches)


@pytest.mark.parametrize("kind", KINDS)
def test_half_calibrated_parameters_survive_a_round_trip(kind):
    quantizer = parse_quantizer(kind)
    statistics = quantizer.calibration_pass()
    statistics.update(torch.randn(9, 4))
    halfway = quantizer.with_calibration(statistics)
    assert not halfway.calibrated
    assert quantizer_from_dict(halfway.to_dict()) == halfway != quantizer


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_after_calibration_are_the_parameters_alone(kind):
    quantizer = calibrate(parse_quantizer(kind), lambda: [torch.randn(9, 4)])
    assert quantizer.bounds is None
    assert quantizer.calibration_pass() is None
    assert "bounds" not in quantizer.to_dict()


@pytest.mark.parametrize("kind", KINDS)
def test_an_uncalibrated_quantizer_refuses_to_quantize(kind):
    with pytest.raises(UsageError, match=f"{kind} has not been calibrated"):
        parse_quantizer(kind).quantize(torch.zeros(1, 2))
    with pytest.raises(TypeError, match="expected the statistics of calibration_pass"):
        parse_quantizer(kind).with_calibration(None)
