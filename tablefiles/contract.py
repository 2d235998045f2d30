"""What every table format offers: a check, a pass over the keys, and the reading of parts of a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
import pyarrow as pa

from encore.featurestore.common import Int64s
from encore.featurestore.errors import UsageError
from encore.tablefiles.files import TableFile
from encore.tablefiles.names import list_names, shown_name


@dataclass(frozen=True)
class ColumnSelection:
    """Which columns of a table are read, and as what.

    Attributes:
        key: column of ids: text or integers, read as bytes (integers as their decimal text).
        texts: columns of text, read as bytes.
        others: columns that are taken as they are; one may be the key or a text as well.
        labels: columns of text, integers or booleans, read as bytes (integers as their decimal text).
    """

    key: str
    texts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that a file must have, each once."""
        return tuple(dict.fromkeys((self.key, *self.texts, *self.labels, *self.others)))

    @property
    def plain(self) -> tuple[str, ...]:
        """Every column that is read as bytes."""
        return tuple(dict.fromkeys((self.key, *self.texts, *self.labels)))

    def require(self, uri: str, present: Sequence[str]) -> None:
        """Raise UsageError unless all columns are among those of a file, and none of them twice."""
        missing = [name for name in self.names if name not in present]
        there = list_names([shown_name(name) for name in present])
        if missing:
            raise UsageError(
                f"{uri}: no column {', '.join(missing)}; columns there: {there}; "
                "options such as --id-column (in Python id_column) name others"
            )
        twice = [name for name in self.names if present.count(name) > 1]
        if twice:
            raise UsageError(f"{uri}: more than one column {', '.join(twice)}; columns there: {there}")


TO_THE_END = sys.maxsize
"""Stop of a part that ends where the file does: the length of a decoded stream is known only once it is read."""


@dataclass(frozen=True)
class Part:
    """A stretch of a file.

    Attributes:
        start: where it starts: a row (columnar formats) or a byte offset (text formats; of a compressed file, or one in
            another encoding, in its decoded bytes).
        stop: where it ends, exclusive, in the same measure; `TO_THE_END` in a text format for the last part.
        first_row: row number in the file of its first row.
    """

    start: int
    stop: int
    first_row: int


@dataclass(frozen=True)
class KeyBlock:
    """Keys of some successive rows of a file.

    Attributes:
        keys: large binary, as they are in the file (integers as decimal text); null where the row has none.
        rows: (n,) int64: row numbers in the file, rising.
        starts: (n,) int64: byte offset of each row; None in a format whose parts are row ranges.
        text_bytes: bytes of the wanted values of these rows; a block of more than 256 MiB has one row, or is of a
            format with ``starts``.
        seen: findings that put other rows of the file in doubt. Before rows are read, `TableFile.seen` has to hold the
            findings of all blocks of a whole scan.
    """

    keys: pa.Array
    rows: Int64s
    starts: Int64s | None
    text_bytes: int
    seen: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Fault:
    """A row that cannot be read.

    Attributes:
        row: its number in the file.
        key: its key, where that can be read.
        reason: what is wrong, as ``kind`` or ``kind: detail``; never the text.
    """

    row: int
    key: str | None
    reason: str


@dataclass(frozen=True)
class Rows:
    """Rows of a part as they were read, not validated.

    Attributes:
        rows: (n,) int64: row numbers in the file, rising.
        values: key, text and label columns: name → (n,) large binary, null where a row has no value.
        others: table of the other columns, None where none are wanted; text columns may hold invalid UTF-8.
        faults: rows that could not be read at all; they are not among ``rows``.
    """

    rows: Int64s
    values: Mapping[str, pa.Array]
    others: pa.Table | None
    faults: tuple[Fault, ...] = ()

    @staticmethod
    def concatenate(blocks: list[Rows]) -> Rows:
        """All rows in order; ``blocks`` holds at least one."""
        first = blocks[0]
        if len(blocks) == 1:
            return first
        return replace(
            first,
            rows=np.concatenate([block.rows for block in blocks]),
            values={name: pa.concat_arrays([block.values[name] for block in blocks]) for name in first.values},
            others=None if first.others is None else pa.concat_tables([block.others for block in blocks]),
            faults=tuple(fault for block in blocks for fault in block.faults),
        )


class TableFormat(Protocol):
    """How files of one format are checked, scanned and read: a frozen strategy."""

    def check(self, file: TableFile, wanted: ColumnSelection) -> None:
        """Check that a file is what its ending says and has the columns, at the cost of reading its first block.

        Raises:
            UsageError: it is another kind of file, or lacks a column: the text lists the columns there are.
        """
        ...

    def scan(self, file: TableFile, wanted: ColumnSelection) -> Iterator[KeyBlock]:
        """Keys of the whole file, block by block, in bounded memory."""
        ...

    def split_points(self, file: TableFile) -> Int64s | None:
        """(n,) int64: row numbers where reading can begin without reading what comes before; None: at every row.

        The parts between two of them are best read in one call.
        """
        ...

    def read(self, file: TableFile, parts: Sequence[Part], wanted: ColumnSelection) -> Iterator[Rows]:
        """The rows of these parts, one after another, as they are; parts are ascending and do not overlap.

        Raises:
            DataError: the file is gone, damaged, or not what was planned over.
        """
        ...


class NamedFormat(TableFormat, Protocol):
    """A format whose files are known by their endings; one module each, registered in `encore.tablefiles.formats`."""

    name: ClassVar[str]
    endings: ClassVar[tuple[str, ...]]
    compressed_inside: ClassVar[bool]
    """Whether its files have compression of their own. Files of the other formats may be compressed as a whole."""

    def ends_whole(self, file: TableFile) -> bool:
        """Whether a file ends as a whole one does; True where the reader itself notices a file that was cut."""
        ...
