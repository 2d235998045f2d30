"""One pass over the ids of a corpus file. Planning keeps some 16 to 32 bytes a document of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.common import Int64s
from encore.featurestore.documents import key_hashes, words
from encore.pipelines.corpus.columns import CorpusColumns
from encore.tablefiles import TableFile, format_of
from encore.tablefiles.values import Mask, is_empty, is_null, text_values


@dataclass(frozen=True)
class Survey:
    """What one pass over the ids of a file found.

    Attributes:
        file: the corpus file, with what the pass found that the reading of its parts must know (`TableFile.seen`).
        count: number of rows. Blank lines of a text file are not counted.
        text_bytes: bytes of text in all rows.
        numbers: (count,) int64: row number of each row; None where row i is number i.
        starts: (count,) int64: byte offset of each row; None where units are row ranges.
        keys: (rows with a key, 2) uint64: key hashes of the rows with a valid id, in file order.
        rows_with_key: (rows with a key,) int64: which rows these are; None where all rows have a valid id.
        splits: (n,) int64: rows where reading can begin without the rows before; None where it can begin at every row.
        ends: (blocks,) int64, ascending: the row after the last of each block. None where ``starts`` is given.
        bytes_before_ends: (blocks,) int64: bytes of text before each of these rows. Within a block they are not known.
    """

    file: TableFile
    count: int
    text_bytes: int
    numbers: Int64s | None
    starts: Int64s | None
    keys: npt.NDArray[np.uint64]
    rows_with_key: Int64s | None
    splits: Int64s | None = None
    ends: Int64s | None = None
    bytes_before_ends: Int64s | None = None

    def bytes_within(self, start: int, stop: int) -> int:
        """The most bytes of text that these rows can hold: those of all blocks that they touch."""
        if self.starts is not None:
            size = self.starts[0] + self.text_bytes if stop >= self.count else self.starts[stop]
            return int(size - self.starts[start])
        if self.ends is None or self.bytes_before_ends is None:
            return self.text_bytes
        first = int(np.searchsorted(self.ends, start, side="right"))
        last = int(np.searchsorted(self.ends, stop, side="left"))
        return int(self.bytes_before_ends[last] - (self.bytes_before_ends[first - 1] if first else 0))

    def row_numbers(self, rows: Int64s) -> Int64s:
        """Row numbers in the file of these rows."""
        return rows if self.numbers is None else self.numbers[rows]

    @property
    def without_key(self) -> int:
        """Rows without a valid id: it is missing, or could not be read."""
        return self.count - len(self.keys)

    @property
    def first_without_key(self) -> int:
        """Row number in the file of the first row without a valid id. The caller knows that there is one."""
        rows_with_key = np.arange(len(self.keys)) if self.rows_with_key is None else self.rows_with_key
        row = np.searchsorted(rows_with_key - np.arange(len(rows_with_key)), 1)
        return int(self.row_numbers(np.array([row]))[0])

    def rows_of_keys(self, positions: Int64s) -> Int64s:
        """The rows of the keys at these positions."""
        return positions if self.rows_with_key is None else self.rows_with_key[positions]

    def keys_before(self, rows: Int64s) -> Int64s:
        """Number of keys before each of these rows."""
        return rows if self.rows_with_key is None else np.searchsorted(self.rows_with_key, rows).astype(np.int64)


def survey(file: TableFile, columns: CorpusColumns) -> Survey:
    """Read the ids of a file, block by block.

    Raises:
        UsageError: the file is not what its ending says.
        DataError: it cannot be read, or is damaged.
    """
    keys: list[npt.NDArray[np.uint64]] = []
    rows_with_key: list[Int64s | range] = []
    numbers: list[Int64s | range] = []
    starts: list[Int64s] = []
    seen: frozenset[str] = frozenset()
    ends: list[int] = []
    before: list[int] = []
    count = text_bytes = 0
    reader = format_of(file)
    for block in reader.scan(file, columns.wanted):
        valid = _valid(block.keys)
        ids = block.keys if valid.all() else block.keys.filter(pa.array(valid))
        keys.append(words(key_hashes(ids)))
        rows_with_key.append(_compact(np.flatnonzero(valid) + count))
        numbers.append(_compact(block.rows))
        starts += [] if block.starts is None else [block.starts]
        count += len(valid)
        text_bytes += block.text_bytes
        seen |= block.seen
        if block.starts is None:
            ends.append(count)
            before.append(text_bytes)
    row_numbers = _expand(numbers, count)
    points = reader.split_points(file)
    return Survey(
        file=replace(file, seen=seen),
        count=count,
        text_bytes=text_bytes,
        numbers=row_numbers,
        starts=np.concatenate(starts) if starts else None,
        keys=np.concatenate(keys) if keys else np.empty((0, 2), np.uint64),
        rows_with_key=_expand(rows_with_key, count),
        splits=None if points is None else _rows_at(points, row_numbers, count),
        ends=np.array(ends, np.int64) if ends else None,
        bytes_before_ends=np.array(before, np.int64) if ends else None,
    )


def _rows_at(points: Int64s, numbers: Int64s | None, count: int) -> Int64s:
    """Positions of the rows that begin at these row numbers, each once."""
    rows = points if numbers is None else np.searchsorted(numbers, points)
    return np.unique(rows[rows < count])


def _valid(ids: pa.Array) -> Mask:
    _, invalid = text_values(ids)
    return ~(is_null(ids) | is_empty(ids) | invalid)


def _compact(rising: Int64s) -> Int64s | range:
    """Successive numbers as a range, which takes no memory. Nearly every block is without a gap."""
    if len(rising) and rising[-1] - rising[0] == len(rising) - 1:
        return range(int(rising[0]), int(rising[-1]) + 1)
    return rising


def _expand(parts: list[Int64s | range], count: int) -> Int64s | None:
    """All numbers in one array; None where they are 0 to ``count`` − 1."""
    filled = [part for part in parts if len(part)]
    if sum(map(len, filled)) == count and (not count or filled[-1][-1] == count - 1):
        return None
    return np.concatenate([np.empty(0, np.int64), *(np.asarray(part, np.int64) for part in filled)])
