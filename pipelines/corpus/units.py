"""Work units: slices of a corpus, described in a few bytes so that a runner can send them to workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from encore.featurestore.common import Int64s
from encore.tablefiles import Part, TableFile


@dataclass(frozen=True)
class Duplicates:
    """Rows of a work unit whose id came earlier in the corpus. Arrays are stored as bytes, since workers get them.

    Attributes:
        rows: int64 row numbers in the file, rising.
        first_rows: int64: the row, in its own file, where each id came first.
        first_files: int32: the position of that file in ``files``.
        files: uris.
    """

    rows: bytes = b""
    first_rows: bytes = b""
    first_files: bytes = b""
    files: tuple[str, ...] = ()

    @classmethod
    def build(cls, rows: Int64s, first_rows: Int64s, first_files: Int64s, files: tuple[str, ...]) -> Duplicates:
        """Make it from arrays. ``files`` may name more files than are needed."""
        used, codes = np.unique(first_files, return_inverse=True)
        names = tuple(files[code] for code in used.tolist())
        return cls(rows.tobytes(), first_rows.tobytes(), codes.astype(np.int32).tobytes(), names)

    def __len__(self) -> int:
        """Number of duplicate rows."""
        return len(self.rows) // 8

    def find(self, rows: Int64s) -> Int64s:
        """(n,) int64: position of each row number among the duplicates, or −1."""
        mine = np.frombuffer(self.rows, np.int64)
        if not len(mine):
            return np.full(len(rows), -1, np.int64)
        at = np.minimum(np.searchsorted(mine, rows), len(mine) - 1)
        return np.where(mine[at] == rows, at, -1)

    def first(self, position: int) -> tuple[str, int]:
        """File and row where the id of this duplicate came first."""
        file = self.files[int(np.frombuffer(self.first_files, np.int32)[position])]
        return file, int(np.frombuffer(self.first_rows, np.int64)[position])


@dataclass(frozen=True)
class WorkUnit:
    """A slice of one corpus file.

    Attributes:
        number: ordinal over the plan.
        file: the corpus file.
        start: where the slice starts: a row (Parquet) or a byte offset (JSON Lines, CSV).
        stop: where it ends, exclusive, in the same unit as ``start``.
        first_row: row number in the file of the first row.
        rows: number of rows in the slice. Blank lines of a text file are not counted.
        documents: rows with a valid id that did not come earlier in the corpus.
        duplicates: rows that are left out because their id came earlier.
        split: file and split that it lies in. A split is for example a row group of Parquet. Units that share one are
            read together; reading them apart would read the split twice.
    """

    number: int
    file: TableFile
    start: int
    stop: int
    first_row: int
    rows: int
    documents: int
    duplicates: Duplicates = Duplicates()
    split: tuple[int, int] = (0, 0)

    @property
    def part(self) -> Part:
        """The slice as formats read it."""
        return Part(self.start, self.stop, self.first_row)


def group_by_split(units: Sequence[WorkUnit], at_least: int = 1) -> list[tuple[WorkUnit, ...]]:
    """Group the units that share a split, in the plan's order.

    Args:
        units: some units of a plan, in its order.
        at_least: the fewest groups wanted. Splits are divided for that, and then read more than once.
    """
    groups = [tuple(group) for _, group in groupby(units, key=lambda unit: unit.split)]
    if len(groups) >= at_least:
        return groups
    most = -(-len(units) // at_least)
    return [group[at : at + most] for group in groups for at in range(0, len(group), most)]
