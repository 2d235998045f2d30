"""Cells of CSV records: read by pyarrow, and one by one in records that hold an escape or a possible one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from encore.featurestore.common import Int64s
from encore.featurestore.errors import DataError
from encore.tablefiles.csv.dialect import ESCAPED_QUOTE, IN_DOUBT
from encore.tablefiles.csv.header import Header
from encore.tablefiles.csv.records import BROKEN, ESCAPED
from encore.tablefiles.text import BYTE_ORDER_MARK, TOO_LONG, ByteBlock
from encore.tablefiles.values import Mask


@dataclass(frozen=True)
class Cells:
    """What was read of a block.

    Attributes:
        positions: (n,) int64: the records of the block that could be read.
        values: column name → (n,) large binary.
        faults: position and reason of each other record.
        seen: what the block shows of the file's writer; see `encore.tablefiles.csv.dialect`.
    """

    positions: Int64s
    values: Mapping[str, pa.Array]
    faults: tuple[tuple[int, str], ...] = ()
    seen: frozenset[str] = frozenset()


def read_cells(block: ByteBlock, header: Header, names: Sequence[str], seen: frozenset[str]) -> Cells:
    """Some columns of a block, every cell as bytes.

    Args:
        block: whole records.
        header: of the file.
        names: columns, each once.
        seen: what is known of the file's writer from a scan of the whole file.
    """
    counts = block.spans.cells
    assert counts is not None  # noqa: S101  records have cells
    whole = np.asarray((counts == len(header.names)) & (not block.too_long))
    faults = [(position, _reason(block, position, header)) for position in np.flatnonzero(~whole).tolist()]
    shown = {ESCAPED_QUOTE} if (counts == ESCAPED).any() and not block.too_long else set()
    singly = whole & _marked(block, header)
    values = _parse(block, whole & ~singly, header, names)
    if not singly.any():
        return Cells(np.flatnonzero(whole), values, tuple(faults), frozenset(shown))
    places = [header.names.index(name) for name in names]
    rows: list[int] = []
    columns: list[list[bytes]] = [[] for _ in names]
    for position in np.flatnonzero(singly).tolist():
        cells, mine = header.dialect.cells(block.row_bytes(position), seen)
        shown |= mine
        doubt = next((cells[place].doubt for place in places if cells[place].doubt is not None), None)
        if doubt is not None:
            faults.append((position, f"CSV row in doubt: {doubt}"))
            continue
        rows.append(position)
        for column, place in zip(columns, places, strict=True):
            column.append(cells[place].value)
    merged = np.concatenate([np.flatnonzero(whole & ~singly), np.array(rows, np.int64)])
    order = np.argsort(merged, kind="stable")
    joined = {
        name: pa.concat_arrays([values[name], pa.array(column, pa.large_binary())]).take(pa.array(order))
        for name, column in zip(names, columns, strict=True)
    }
    return Cells(merged[order], joined, tuple(sorted(faults)), frozenset(shown))


def _reason(block: ByteBlock, position: int, header: Header) -> str:
    if block.too_long:
        return TOO_LONG
    assert block.spans.cells is not None  # noqa: S101  records have cells
    cells = int(block.spans.cells[position])
    if cells > 0:
        return f"malformed CSV row: {cells} cells, expected {len(header.names)}"
    lines = len(re.findall(rb"[\r\n]+", block.row_bytes(position)))
    more = f", and {lines:,} lines behind it that may belong to it" if lines else ""
    if cells == ESCAPED or (cells == BROKEN and header.dialect.strict and b'\\"' in block.row_bytes(position)):
        return f"CSV row in doubt: {IN_DOUBT}{more}"
    return f"malformed CSV row: its quotes do not match{more}"


def _marked(block: ByteBlock, header: Header) -> Mask:
    """(n,) bool: the records that hold an escape; if the user has named none, those that hold a backslash."""
    found = np.zeros(len(block.spans.starts), bool)
    mark = header.dialect.mark
    if mark is None or bytes([mark]) not in block.data:
        return found
    at = np.flatnonzero(np.frombuffer(block.data, np.uint8) == mark)
    records = np.searchsorted(block.spans.starts, at, side="right") - 1
    found[records[records >= 0]] = True
    return found


def _parse(block: ByteBlock, whole: Mask, header: Header, names: Sequence[str]) -> dict[str, pa.Array]:
    """Column name → large binary, for some whole records of a block."""
    if not whole.any():
        return {name: pa.array([], pa.large_binary()) for name in names}
    data = block.data
    if not whole.all() or not block.spans.plain:
        data = b"\n".join(block.row_bytes(position) for position in np.flatnonzero(whole).tolist())
    # Positions take the place of names: several columns may have one name. pyarrow skips a byte order mark, which here
    # is data.
    labels = [str(position) for position in range(len(header.names))]
    wanted = [str(header.names.index(name)) for name in names]
    table = pacsv.read_csv(
        pa.BufferReader(b"\n" + data if data.startswith(BYTE_ORDER_MARK) else data),
        read_options=pacsv.ReadOptions(use_threads=False, block_size=len(data) + 2, column_names=labels),
        parse_options=pacsv.ParseOptions(delimiter=chr(header.dialect.delimiter), newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.large_binary()),
            include_columns=wanted,
            null_values=[],
            strings_can_be_null=False,
        ),
    )
    if table.num_rows != whole.sum():
        raise DataError(f"record {block.first_row:,} and on: pyarrow reads {table.num_rows} of {whole.sum()} records")
    columns = (table[label].combine_chunks() for label in wanted)
    return dict(zip(names, columns, strict=True))
