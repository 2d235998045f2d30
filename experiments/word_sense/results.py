"""What the probe found: a line for each kind of features and part of the test, as Parquet and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from encore.experiments.paper import MISSING, markdown
from encore.experiments.word_sense.scores import Coverage, Flags, PairedIntervals, SenseScore
from encore.featurestore.storage import whole_file
from encore.heads.metrics import Interval

BASELINE = "most frequent sense"
WHOLE = "all"
"""Name of the part that is the whole test."""


@dataclass(frozen=True)
class ProbeLine:
    """One kind of features on one part of the test.

    Attributes:
        features: request of the quantizer, or `BASELINE`.
        layer: of the encoder; None for the baseline.
        bytes_per_token: of the stored features; None for the baseline.
        part: a source of instances, or `WHOLE`.
        score: the counts.
        intervals: of the score, and of its difference from the baseline.
        against_baseline: score on the covered instances minus the baseline's.
        against_original: score on the covered instances minus that of the layer's original features, and the interval
            of this difference; None for the original features and for the baseline.
    """

    features: str
    layer: int | None
    bytes_per_token: int | None
    part: str
    score: SenseScore
    intervals: PairedIntervals
    against_baseline: float
    against_original: tuple[float, Interval] | None

    @property
    def title(self) -> str:
        """Name of the row."""
        return self.features if self.layer is None else f"layer {self.layer}, {self.features}"

    def to_dict(self) -> dict[str, object]:
        """Flat, for a table or JSON; shares and not percent."""
        points, (low, high) = self.against_original or (None, (None, None))
        return {
            "layer": self.layer,
            "features": self.features,
            "bytes_per_token": self.bytes_per_token,
            "part": self.part,
            **asdict(self.score),
            "on_covered": self.score.on_covered,
            "on_covered_low": self.intervals.on_covered[0],
            "on_covered_high": self.intervals.on_covered[1],
            "recall": self.score.recall,
            "f1": self.score.f1,
            "f1_low": self.intervals.f1[0],
            "f1_high": self.intervals.f1[1],
            "against_baseline": self.against_baseline,
            "against_baseline_low": self.intervals.difference[0],
            "against_baseline_high": self.intervals.difference[1],
            "against_original": points,
            "against_original_low": low,
            "against_original_high": high,
        }


def lines_of(
    features: str,
    layer: int | None,
    bytes_per_token: int | None,
    sources: pa.StringArray,
    coverage: Coverage,
    right: Flags,
    baseline: Flags,
    original: Flags | None,
) -> list[ProbeLine]:
    """A line for the whole test, and one for each source of its instances.

    Args:
        features: request of the quantizer, or `BASELINE`.
        layer: of the encoder; None for the baseline.
        bytes_per_token: of the stored features; None for the baseline.
        sources: (n,) source of each instance.
        coverage: of the instances.
        right: (n,) whether the features' answer is right.
        baseline: (n,) whether the most frequent sense is.
        original: (n,) whether the original features' answer is; None where these are the original ones, or none.
    """
    lines = []
    for part, rows in _parts(sources):
        score = SenseScore.of(right[rows], coverage[rows])
        compared = None
        if original is not None:
            paired = PairedIntervals.of(right[rows], original[rows], coverage[rows])
            less = SenseScore.of(original[rows], coverage[rows])
            compared = (score.on_covered - less.on_covered, paired.difference)
        lines.append(
            ProbeLine(
                features=features,
                layer=layer,
                bytes_per_token=bytes_per_token,
                part=part,
                score=score,
                intervals=PairedIntervals.of(right[rows], baseline[rows], coverage[rows]),
                against_baseline=score.on_covered - SenseScore.of(baseline[rows], coverage[rows]).on_covered,
                against_original=compared,
            )
        )
    return lines


def _parts(sources: pa.StringArray) -> Iterator[tuple[str, Flags]]:
    yield WHOLE, np.ones(len(sources), bool)
    for source in pc.unique(sources).to_pylist():
        yield source, pc.equal(sources, source).to_numpy(zero_copy_only=False)


@dataclass(frozen=True)
class ProbeResult:
    """What came out.

    Attributes:
        lines: of the baseline, then of each layer, the original features first.
        encoder: its name.
        train, test: instances.
        sentences: distinct ones of both.
        without_vector: instances of train and test without a vector: truncation cut the word off, or it has no token.
    """

    lines: tuple[ProbeLine, ...]
    encoder: str
    train: int
    test: int
    sentences: int
    without_vector: tuple[int, int]

    @property
    def whole(self) -> list[ProbeLine]:
        """The lines of the whole test."""
        return [line for line in self.lines if line.part == WHOLE]

    @property
    def parts(self) -> list[str]:
        """Sources of the test's instances."""
        return list(dict.fromkeys(line.part for line in self.lines if line.part != WHOLE))

    def line(self, like: ProbeLine, part: str) -> ProbeLine:
        """The line of the same features on another part."""
        return next(line for line in self.lines if (line.title, line.part) == (like.title, part))

    @property
    def head(self) -> Sequence[str]:
        """Names of the columns of `table`."""
        return (
            self.encoder,
            "bytes a token",
            "F1, covered",
            "95 % interval",
            "against the original",
            "95 % interval",
            "F1, all",
        )

    @property
    def table(self) -> list[list[str]]:
        """The rows of the paper's table 4, figures in %."""
        return [
            [
                line.title,
                MISSING if line.bytes_per_token is None else f"{line.bytes_per_token:,}",
                f"{100 * line.score.on_covered:.1f}",
                _interval(line.intervals.on_covered, ".1f"),
                MISSING if line.against_original is None else f"{100 * line.against_original[0]:+.2f}",
                MISSING if line.against_original is None else _interval(line.against_original[1], "+.2f"),
                f"{100 * line.score.f1:.1f}",
            ]
            for line in self.whole
        ]

    @property
    def table_of_parts(self) -> list[list[str]]:
        """F1 in % on the covered instances of each source."""
        return [
            [line.title, *(f"{100 * self.line(line, part).score.on_covered:.1f}" for part in self.parts)]
            for line in self.whole
        ]

    @property
    def summary(self) -> str:
        """A sentence that says on what data the figures were measured."""
        first, (cut_train, cut_test) = self.whole[0].score, self.without_vector
        return (
            f"{self.train:,} training and {self.test:,} test instances in {self.sentences:,} sentences; training has "
            f"the words of {first.covered:,} test instances ({first.covered / first.instances:.1%}). {self._fallback}"
            f"Without a vector: {cut_train:,} and {cut_test:,}."
        )

    @property
    def _fallback(self) -> str:
        score = self.whole[0].score
        if not score.fallback:
            return "The others get no answer. "
        return f"{score.fallback:,} others get WordNet's first sense, {score.fallback_right:,} of them rightly. "

    def write(self, out: Path) -> tuple[Path, Path]:
        """Write ``wsd.parquet`` and ``wsd.md``; returns their paths."""
        parquet, report = out / "wsd.parquet", out / "wsd.md"
        with whole_file(parquet) as file:
            pq.write_table(pa.Table.from_pylist([line.to_dict() for line in self.lines]), file)
        covered = [f"{part} ({self.line(self.whole[0], part).score.covered:,})" for part in self.parts]
        parts = [
            self.summary + "\n",
            markdown(self.head, self.table),
            markdown(["F1, covered (instances)", *covered], self.table_of_parts),
        ]
        with whole_file(report) as file:
            file.write("\n".join(parts).encode())
        return parquet, report


def _interval(interval: Interval, form: str) -> str:
    return " to ".join(format(100 * edge, form) for edge in interval)
