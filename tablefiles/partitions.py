"""Columns that stand in the names of folders, as Hive and Spark write them: ``section=sport/part-0.parquet``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.tablefiles.contract import ColumnSelection, KeyBlock, Part, Rows, TableFormat

if TYPE_CHECKING:
    from encore.tablefiles.files import TableFile

NULL = "__HIVE_DEFAULT_PARTITION__"
"""The folder of rows that have no value in the column."""


def partitions_of(folder: str) -> tuple[tuple[str, str | None], ...]:
    """Columns in the parts of a folder's path, outermost first: (name, value); values are text, percent-decoded."""
    pairs = (part.partition("=") for part in folder.split("/") if "=" in part)
    found = {unquote(name): None if value == NULL else unquote(value) for name, _, value in pairs if name and value}
    return tuple(found.items())


@dataclass(frozen=True)
class PartitionedFormat:
    """A format whose files lie in such folders: a column named there is the same text, or null, in every row.

    As in Spark, the folder's name is believed and a column of that name in the file is not read. Keys are never taken
    from a folder.

    Attributes:
        inner: the format of the files.
    """

    inner: TableFormat

    def check(self, file: TableFile, wanted: ColumnSelection) -> None:
        """See `TableFormat.check`."""
        self.inner.check(file, _inside(wanted, dict(file.partitions)))

    def scan(self, file: TableFile, wanted: ColumnSelection) -> Iterator[KeyBlock]:
        """See `TableFormat.scan`."""
        return self.inner.scan(file, _inside(wanted, dict(file.partitions)))

    def split_points(self, file: TableFile) -> npt.NDArray[np.int64] | None:
        """See `TableFormat.split_points`."""
        return self.inner.split_points(file)

    def read(self, file: TableFile, parts: Sequence[Part], wanted: ColumnSelection) -> Iterator[Rows]:
        """See `TableFormat.read`."""
        values = dict(file.partitions)
        for rows in self.inner.read(file, parts, _inside(wanted, values)):
            yield _with_folders(rows, wanted, values)


def _inside(wanted: ColumnSelection, values: dict[str, str | None]) -> ColumnSelection:
    """What is left to read of the file itself."""
    return replace(
        wanted,
        texts=tuple(name for name in wanted.texts if name not in values),
        labels=tuple(name for name in wanted.labels if name not in values),
        others=tuple(name for name in wanted.others if name not in values),
    )


def _with_folders(rows: Rows, wanted: ColumnSelection, values: dict[str, str | None]) -> Rows:
    count = len(rows.rows)
    texts = {
        name: pa.repeat(pa.scalar(values[name], pa.string()), count).cast(pa.large_binary())
        for name in (*wanted.texts, *wanted.labels)
        if name in values
    }
    if not wanted.others:
        return replace(rows, values={**rows.values, **texts})
    columns = {
        name: pa.repeat(pa.scalar(values[name], pa.large_string()), count)
        if name in values
        else _column(rows.others, name)
        for name in wanted.others
    }
    return replace(rows, values={**rows.values, **texts}, others=pa.table(columns))


def _column(table: pa.Table | None, name: str) -> pa.ChunkedArray:
    if table is None:
        raise KeyError(name)
    return table[name]
