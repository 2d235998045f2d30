"""Where work units begin and end. Rows, memory, and the places where reading can begin decide it."""

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
"""Number of units that a corpus is cut into: enough to keep a small cluster busy, and to show progress."""

UNIT_BYTES = 256 << 20
"""The most memory that the features of one unit may take, and that its texts may take."""


@dataclass(frozen=True)
class DocumentSize:
    """The size of a document's features.

    Attributes:
        vector_bytes: payload bytes of one stored vector (`FeatureSpec.row_bytes`).
        max_vectors: the most vectors of a document: the max length, or 1 where one vector a document is stored.
    """

    vector_bytes: int = 0
    max_vectors: int = 1

    @classmethod
    def of(cls, spec: FeatureSpec) -> DocumentSize:
        """The size of documents under a spec."""
        return cls(spec.row_bytes, spec.text.max_length if spec.positions == "tokens" else 1)

    def unit_bytes(self, rows: float, text_bytes: float) -> float:
        """Bytes of the texts or of the features of this many rows, whichever is more.

        A token has at least one byte of text. So ``text_bytes``, and two special tokens a row, bound the tokens.
        """
        vectors = min(rows * self.max_vectors, text_bytes + 2 * rows)
        return max(text_bytes, self.vector_bytes * vectors)


@dataclass(frozen=True)
class Piece:
    """Rows of a file that make a unit.

    Attributes:
        start: first row.
        stop: row after the last.
        split: number of the file's split that it lies in. Pieces of one split are read together.
    """

    start: int
    stop: int
    split: int


def choose_unit_rows(surveys: Sequence[Survey], size: DocumentSize) -> int:
    """Rows of a unit: a power of two from 1,024 to 65,536; less where a unit of average rows does not fit in memory."""
    share = max(sum(found.count for found in surveys) // UNITS_AIMED_AT, 1)
    rows = min(max(1 << share.bit_length() - 1, SMALLEST_UNIT), LARGEST_UNIT)

    def fits(found: Survey) -> bool:
        here = min(rows, found.count)
        return size.unit_bytes(here, here * found.text_bytes / max(found.count, 1)) <= UNIT_BYTES

    while rows > 1 and not all(map(fits, surveys)):
        rows //= 2
    return rows


def cut(found: Survey, unit_rows: int, size: DocumentSize) -> list[Piece]:
    """Cut a file into units of up to ``unit_rows`` rows. A unit that does not fit in memory is halved, down to one row.

    A unit is a part of one split, or it consists of whole splits. So only units of the same split read that split.
    Where reading can begin at every row, each unit is its own split.
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
    """Divide a range into as few parts of at most ``most`` rows as possible, of nearly equal length."""
    count = -(-(stop - start) // most)
    return list(pairwise(start - -(stop - start) * number // count for number in range(count + 1)))


def _halve(start: int, stop: int, fits: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    if fits(start, stop):
        return [(start, stop)]
    middle = (start + stop) // 2
    return [*_halve(start, middle, fits), *_halve(middle, stop, fits)]
