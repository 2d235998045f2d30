"""Where work units begin and end: by rows, by memory, and where a file can be read from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from encore.featurestore import FeatureSpec
from encore.pipelines.corpus.survey import Survey

SMALLEST_UNIT = 1 << 10
LARGEST_UNIT = 1 << 16
UNITS_AIMED_AT = 64
"""Enough to keep every worker of a small cluster busy, and to show progress."""

UNIT_BYTES = 256 << 20
"""What the features, or the texts, of one unit may take up in memory."""


@dataclass(frozen=True)
class DocumentSize:
    """What a document takes up once it is encoded.

    Attributes:
        vector_bytes: payload bytes of one stored vector (`FeatureSpec.row_bytes`).
        max_vectors: vectors a document can have: the max length, or 1 where positions are pooled before storage.
    """

    vector_bytes: int = 0
    max_vectors: int = 1

    @classmethod
    def of(cls, spec: FeatureSpec) -> DocumentSize:
        """What documents take up under a spec."""
        return cls(spec.row_bytes, spec.text.max_length if spec.positions == "tokens" else 1)

    def unit_bytes(self, rows: float, text_bytes: float) -> float:
        """The larger of the texts and the features of so many rows; a token is a byte of text or more."""
        vectors = min(rows * self.max_vectors, text_bytes + 2 * rows)
        return max(text_bytes, self.vector_bytes * vectors)


@dataclass(frozen=True)
class Piece:
    """Rows of a file that make a unit.

    Attributes:
        start: first row.
        stop: row behind the last.
        split: which of the file's splits it lies in: pieces of one are read together.
    """

    start: int
    stop: int
    split: int


def choose_unit_rows(surveys: Sequence[Survey], size: DocumentSize) -> int:
    """Rows of a unit: a power of two between 1,024 and 65,536, or fewer where a usual unit would not fit in memory."""
    share = max(sum(found.count for found in surveys) // UNITS_AIMED_AT, 1)
    rows = min(max(1 << share.bit_length() - 1, SMALLEST_UNIT), LARGEST_UNIT)

    def fits(found: Survey) -> bool:
        here = min(rows, found.count)
        return size.unit_bytes(here, here * found.text_bytes / max(found.count, 1)) <= UNIT_BYTES

    while rows > 1 and not all(map(fits, surveys)):
        rows //= 2
    return rows


def cut(found: Survey, unit_rows: int, size: DocumentSize) -> list[Piece]:
    """The units of a file: of up to ``unit_rows`` rows, and halved until one fits in memory or is a single row.

    Each is a part of one split, or some whole ones: no split is read for two units unless they share it. Where reading
    can begin at every row, each unit is a split of its own.
    """

    def fits(start: int, stop: int) -> bool:
        return stop - start <= 1 or size.unit_bytes(stop - start, found.bytes_within(start, stop)) <= UNIT_BYTES

    if not found.count:
        return []
    if found.splits is None:
        bounds = np.append(np.arange(0, found.count, unit_rows), found.count)
        halved = [piece for start, stop in pairwise(bounds.tolist()) for piece in _halve(start, stop, fits)]
        return [Piece(start, stop, number) for number, (start, stop) in enumerate(halved)]
    pieces: list[Piece] = []
    whole = False
    for number, (start, stop) in enumerate(pairwise([*found.splits.tolist(), found.count])):
        before = pieces[-1] if whole else None
        if before and stop - before.start <= unit_rows and fits(before.start, stop):
            pieces[-1] = Piece(before.start, stop, before.split)
            continue
        parts = [part for pair in _even(start, stop, unit_rows) for part in _halve(*pair, fits)]
        pieces += [Piece(*part, number) for part in parts]
        whole = len(parts) == 1
    return pieces


def _even(start: int, stop: int, most: int) -> list[tuple[int, int]]:
    """Parts of nearly the same length, as few as can be."""
    count = -(-(stop - start) // most)
    return list(pairwise(start - -(stop - start) * number // count for number in range(count + 1)))


def _halve(start: int, stop: int, fits: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    if fits(start, stop):
        return [(start, stop)]
    middle = (start + stop) // 2
    return [*_halve(start, middle, fits), *_halve(middle, stop, fits)]
