"""Calibration pass: a histogram over a known range, and what it tells: the best range to round in, mean, median."""

from __future__ import annotations

from typing import Self

from encore.featurestore.common import torch
from encore.featurestore.quantizers.base.ranges import finite_vectors

BINS = 2048
"""Bins of a histogram: as many as PyTorch's HistogramObserver has."""

VALUES_AT_ONCE = 2**22
"""Number of values whose bins are in memory at a time: 64 MiB, however large the batch."""


class Histogram:
    """Counts of values in equal bins between fixed bounds; integers, so that merging is exact.

    PyTorch's observer widens its bins as it goes, so its result depends on the order of batches; here a `Range`
    pass fixes the bounds first. Vectors with NaN or inf are left out, as in `Range`.

    Attributes:
        minimum: (groups,) float64: the bounds; one group for the whole tensor, or one for each dimension.
        maximum: the same.
        counts: (groups, BINS) int64.
    """

    def __init__(self, minimum: torch.Tensor, maximum: torch.Tensor) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.counts = torch.zeros(len(minimum), BINS, dtype=torch.int64)

    def update(self, values: torch.Tensor) -> None:
        """Take in float features of shape (..., width)."""
        vectors = finite_vectors(values)
        groups = vectors if len(self.counts) > 1 else vectors.reshape(-1, 1)
        low, width = self.minimum.to(groups.device), self._bin_width().to(groups.device)
        first_bins = torch.arange(len(self.counts), device=groups.device) * BINS
        for part in torch.split(groups, max(1, VALUES_AT_ONCE // len(self.counts))):
            # In float64, where no two devices differ about the bin of a float32.
            bins = ((part.double() - low) / width).long().clamp_(0, BINS - 1).add_(first_bins)
            counted = torch.bincount(bins.flatten(), minlength=self.counts.numel())
            self.counts += counted.view_as(self.counts).cpu()

    def merge(self, other: Self) -> None:
        """Take in what another worker counted between the same bounds."""
        self.counts += other.counts

    def best_range(self, levels: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Bounds that minimise the squared error of ``levels`` equally spaced numbers; each (groups,) float64.

        The aim is that of PyTorch's HistogramObserver. What is clipped costs the square of its distance to the
        bound, and rounding costs a twelfth of the squared step. That sum is convex in the two bounds, so moving each in
        turn to its best bin edge, starting from the full range, ends at the best pair and never at a worse one than
        the full range; PyTorch's greedy search takes its first step unseen and may stop early. A bound never
        crosses zero, since an affine map encloses it anyway.
        """
        # Everything is in units of bins, counted from the minimum: bin k spans k to k + 1.
        edges = torch.arange(BINS + 1, dtype=torch.float64)
        zero = (-self.minimum / self._bin_width()).unsqueeze(-1)
        below = _clipped_below(self.counts).masked_fill(edges > zero.clamp(min=0), torch.inf)
        above = _clipped_below(self.counts.flip(-1)).flip(-1).masked_fill(edges < zero.clamp(max=BINS), torch.inf)
        lows = torch.where(edges > 0, edges, zero.clamp(max=0))
        highs = torch.where(edges < BINS, edges, zero.clamp(min=BINS))
        noise = self.counts.sum(dim=-1, keepdim=True) / (12 * (levels - 1) ** 2)

        first = torch.zeros(len(self.counts), 1, dtype=torch.int64)
        last = torch.full_like(first, BINS)
        while True:
            low, previous = lows.gather(-1, first), (first, last)
            last = (noise * (highs - low) ** 2 + above).argmin(dim=-1, keepdim=True)
            high = highs.gather(-1, last)
            first = (noise * (high - lows) ** 2 + below).argmin(dim=-1, keepdim=True)
            if torch.equal(first, previous[0]) and torch.equal(last, previous[1]):
                return self._at(first.squeeze(-1), last.squeeze(-1))

    def mean_and_deviation(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation of each group, every value taken for the middle of its bin: (groups,) float64.

        They are exact, with deviation 0, where all values are equal. Sums are of integers, in halves of a bin.
        """
        count = self.counts.sum(dim=-1).double()
        middles = torch.arange(1, 2 * BINS, 2)
        mean = (self.counts * middles).sum(dim=-1) / count
        variance = (self.counts * middles**2).sum(dim=-1) / count - mean**2
        width = (self.maximum - self.minimum) / BINS
        return self.minimum + mean / 2 * width, variance.clamp(min=0).sqrt() / 2 * width

    def median(self) -> torch.Tensor:
        """Median of each group, (groups,) float64: values are taken as spread evenly inside their bins.

        It is exact where all values are equal.
        """
        half = self.counts.sum(dim=-1, keepdim=True) / 2
        upto = self.counts.cumsum(dim=-1).double()
        middle = (upto >= half).double().argmax(dim=-1, keepdim=True)
        held = self.counts.gather(-1, middle)
        edges = middle + 1 - (upto.gather(-1, middle) - half) / held
        width = (self.maximum - self.minimum) / BINS
        return self.minimum + edges.squeeze(-1) * width

    def _bin_width(self) -> torch.Tensor:
        """(groups,) float64; 1 where all values are equal, so that nothing is divided by zero."""
        width = (self.maximum - self.minimum) / BINS
        return torch.where(width > 0, width, 1.0)

    def _at(self, first: torch.Tensor, last: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Values at two edges; exact at the outermost ones."""
        width = (self.maximum - self.minimum) / BINS
        return self.minimum + first * width, self.maximum - (BINS - last) * width


def _clipped_below(counts: torch.Tensor) -> torch.Tensor:
    """Σ (edge - x)² over the values x below each edge: (groups, BINS + 1) float64, in squared bins.

    Values are taken as spread evenly inside their bin. From one edge to the next, the number n of values below grows by
    the bin's count c, their summed distance s by n + c / 2, and the sum of squares by 2 s + n + c / 3: prefix sums
    of positive terms, which lose no digits.
    """
    c = torch.nn.functional.pad(counts.double(), (1, 0))
    n = c.cumsum(-1) - c
    s = (n + c / 2).cumsum(-1)
    return (2 * torch.nn.functional.pad(s, (1, -1)) + n + c / 3).cumsum(-1)
