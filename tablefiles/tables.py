"""Tables read from their beginning to their end, in bounded memory, as labels and ids are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from encore.featurestore.errors import DataError
from encore.tablefiles.contract import TO_THE_END, ColumnSelection, Part, Rows, TableFormat
from encore.tablefiles.files import TableFile
from encore.tablefiles.formats import format_of
from encore.tablefiles.values import text_values

PART_ROWS = 1 << 16


def read_table(file: TableFile, wanted: ColumnSelection) -> Iterator[dict[str, pa.Array]]:
    """The wanted key, texts and labels of a file as large strings, some ten thousands of rows at a time.

    It reads the file twice, as encoding does, so that it accepts and doubts the same rows.

    Raises:
        UsageError: the file is not what its ending says, or lacks a column.
        DataError: it cannot be read, or a row of it cannot.
    """
    reader = format_of(file)
    reader.check(file, wanted)
    file, parts = _parts(reader, file, wanted)
    # A file without rows may have no header and no record batch to begin at.
    for rows in reader.read(file, parts, wanted) if parts else ():
        _refuse_faults(file, rows)
        yield {name: _text(file, rows, name) for name in wanted.plain}


def _parts(reader: TableFormat, file: TableFile, wanted: ColumnSelection) -> tuple[TableFile, list[Part]]:
    """Parts of some rows each, and the file with what the scan has seen."""
    seen: frozenset[str] = frozenset()
    starts: list[tuple[int, int]] = []
    count = held = 0
    for block in reader.scan(file, wanted):
        seen |= block.seen
        if block.starts is not None and len(block.rows) and (not starts or held >= PART_ROWS):
            starts.append((int(block.starts[0]), int(block.rows[0])))
            held = 0
        held += len(block.rows)
        count += len(block.rows)
    if starts:
        stops = [*(start for start, _ in starts[1:]), TO_THE_END]
    else:
        points = reader.split_points(file)
        rows = np.arange(0, count, PART_ROWS) if points is None else points[points < count]
        starts = [(row, row) for row in rows.tolist()]
        stops = [*(row for row, _ in starts[1:]), count]
    parts = [Part(start, stop, row) for (start, row), stop in zip(starts, stops, strict=False) if stop > start]
    return replace(file, seen=seen), parts


def _refuse_faults(file: TableFile, rows: Rows) -> None:
    if rows.faults:
        first = rows.faults[0]
        more = f"; {len(rows.faults) - 1:,} rows near it cannot either" if len(rows.faults) > 1 else ""
        raise DataError(f"{file.uri}: row {first.row:,} cannot be read: {first.reason}{more}")


def _text(file: TableFile, rows: Rows, name: str) -> pa.Array:
    values, invalid = text_values(rows.values[name])
    if invalid.any():
        row = int(rows.rows[int(np.argmax(invalid))])
        raise DataError(f"{file.uri}: row {row:,} cannot be read: column {name} is invalid UTF-8")
    return values
