import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from encore.featurestore.quantizers.base import histograms
from encore.featurestore.quantizers.base.histograms import BINS, Histogram

FEW = 24


def histogram(minimum, maximum, counts):
    result = Histogram(torch.tensor([minimum], dtype=torch.float64), torch.tensor([maximum], dtype=torch.float64))
    result.counts = torch.tensor([counts])
    return result


def expected_error(bounds, minimum, maximum, counts, levels):
    """The cost of one range, by numerical integration over values spread evenly inside their bins."""
    low, high = bounds
    points = 200
    inside = (np.arange(points) + 0.5) / points
    values = minimum + (np.arange(len(counts))[:, None] + inside) * (maximum - minimum) / len(counts)
    weights = np.repeat(np.array(counts)[:, None] / points, points, axis=1)
    low, high = min(low, 0.0), max(high, 0.0)
    clipped = np.maximum(low - values, 0) ** 2 + np.maximum(values - high, 0) ** 2
    return (weights * (clipped + ((high - low) / (levels - 1)) ** 2 / 12)).sum()


@settings(max_examples=40)
@given(
    minimum=st.sampled_from([-10.0, -3.0, -0.2, 0.0, 2.0]),
    span=st.sampled_from([0.5, 4.0, 12.0]),
    counts=st.lists(st.sampled_from([0, 0, 1, 2, 50, 3000]), min_size=FEW, max_size=FEW).filter(any),
    levels=st.sampled_from([4, 16, 256]),
)
def test_the_range_found_is_the_best_of_all_pairs_of_bin_edges(minimum, span, counts, levels):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histograms, "BINS", FEW)
        maximum = minimum + span
        found = [bound.item() for bound in histogram(minimum, maximum, counts).best_range(levels)]
    edges = minimum + np.arange(FEW + 1) * span / FEW
    lows, highs = (edges[edges <= 0], minimum), (edges[edges >= 0], maximum)
    pairs = [(low, high) for low in np.append(*lows) for high in np.append(*highs)]
    best = min(expected_error(pair, minimum, maximum, counts, levels) for pair in pairs)
    # The bounds are moved in turn, each to its best place given the other: on so few edges that may end one edge away.
    assert expected_error(found, minimum, maximum, counts, levels) <= best * 1.02 + 1e-12


def test_counts_are_those_of_numpy():
    values = torch.randn(5000, 3)
    low, high = values.double().amin(0), values.double().amax(0)
    counted = Histogram(low, high)
    counted.update(values)
    for dimension in range(3):
        expected, _ = np.histogram(values[:, dimension].double(), BINS, (float(low[dimension]), float(high[dimension])))
        # A value within one rounding of an edge may fall on either side of it.
        assert np.abs(counted.counts[dimension].numpy() - expected).sum() <= 4
        assert int(counted.counts[dimension].sum()) == 5000


def test_a_range_of_one_value_is_kept():
    same = histogram(3.0, 3.0, [7] + [0] * (BINS - 1))
    assert [bound.tolist() for bound in same.best_range(256)] == [[3.0], [3.0]]


def test_outliers_are_cut_off_and_the_outermost_edges_are_exact():
    counts = [0] * BINS
    counts[0], counts[BINS // 2], counts[-1] = 10**9, 10**9, 1
    low, high = (bound.item() for bound in histogram(-0.1, 0.7, counts).best_range(256))
    assert low == -0.1
    assert 0.3 < high < 0.31
