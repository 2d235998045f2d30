"""Files of JSON objects: one a line (JSON Lines), over several lines, or in an array; parts are byte ranges."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.errors import DataError, UsageError
from encore.tablefiles.contract import TO_THE_END, ColumnSelection, Fault, KeyBlock, Part, Rows
from encore.tablefiles.files import TableFile
from encore.tablefiles.json.layout import ElementRows, JsonLayout, ObjectRows
from encore.tablefiles.json.rows import parse_line, parse_rows
from encore.tablefiles.json.source import spelled_in
from encore.tablefiles.text import (
    HEAD_BYTES,
    LINE_ENDS,
    ByteBlock,
    data_start,
    first_bytes,
    open_text,
    read_blocks,
    read_head,
)


@dataclass(frozen=True)
class JsonLinesFiles:
    """JSON: keys are strings or integers; a row is an object, wherever it ends.

    Rows are numbered by the lines that they begin in, blank lines counted; elements of an array from 0. Other columns
    are text: strings as they are, other values as they are written. Their type must not depend on which rows a unit, or
    tonight's corpus, happens to hold.
    """

    name: ClassVar[str] = "jsonl"
    endings: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".json")
    compressed_inside: ClassVar[bool] = False

    def ends_whole(self, file: TableFile) -> bool:
        """True: a row must close its braces."""
        del file
        return True

    def check(self, file: TableFile, wanted: ColumnSelection) -> None:
        """See `TableFormat.check`; reads on while a column has not been seen, since any row may leave keys out."""
        head = read_head(file)
        _refuse_other_lines(file, head)
        layout = JsonLayout.of(head)
        seen: dict[str, None] = {}
        missing = set(wanted.names)
        for number, block in enumerate(_blocks(file, head, layout.splitter())):
            if number and not any(spelled_in(name, block.data) for name in missing):
                continue
            lines = range(0 if block.too_long else len(block.spans.starts))
            objects = (parse_line(block.row_bytes(line), wanted.key, wanted.names) for line in lines)
            for row in objects:
                seen |= dict.fromkeys(row or ())
                missing -= seen.keys()
                if not missing:
                    return
            if lines and not seen:
                what = "its array holds no object" if layout.array else "no line of its first block is an object"
                raise UsageError(f"{file.uri}: not JSON Lines: {what}; write one object a line")
        if seen:
            wanted.require(file.uri, list(seen))

    def scan(self, file: TableFile, wanted: ColumnSelection) -> Iterator[KeyBlock]:
        """See `TableFormat.scan`; parses every row, and keeps the keys and where the rows start."""
        head = read_head(file)
        splitter = JsonLayout.of(head).splitter()
        for block in _blocks(file, head, splitter):
            parsed = parse_rows(block, wanted.key, ())
            ids = parsed.values[wanted.key]
            if parsed.faults:
                origin = np.full(len(block.rows), -1)
                origin[parsed.positions] = np.arange(len(parsed.positions))
                ids = ids.take(pa.array(origin, mask=origin < 0))
            yield KeyBlock(ids, block.rows, block.starts, len(block.data))
        if isinstance(splitter, ElementRows) and not splitter.closed:
            raise DataError(f"{file.uri}: its JSON array is not closed: the file is cut short; write or copy it again")

    def split_points(self, file: TableFile) -> npt.NDArray[np.int64] | None:
        """See `TableFormat.split_points`."""
        return np.zeros(1, np.int64) if file.is_stream else None

    def read(self, file: TableFile, parts: Sequence[Part], wanted: ColumnSelection) -> Iterator[Rows]:
        """See `TableFormat.read`."""
        with open_text(file) as stream:
            splitter = JsonLayout.of(first_bytes(file) if file.is_stream else stream.read(HEAD_BYTES)).splitter()
            for part in parts:
                blocks = read_blocks(stream, file, part.start, part.stop, part.first_row, splitter)
                yield Rows.concatenate([_read_block(block, wanted) for block in blocks])


def _blocks(file: TableFile, head: bytes, splitter: ObjectRows | ElementRows) -> Iterator[ByteBlock]:
    with open_text(file) as stream:
        yield from read_blocks(stream, file, data_start(head), TO_THE_END, 0, splitter)


def _read_block(block: ByteBlock, wanted: ColumnSelection) -> Rows:
    parsed = parse_rows(block, wanted.key, wanted.texts, wanted.others, wanted.labels)
    rows = block.rows
    others = {name: parsed.values[name].view(pa.large_string()) for name in wanted.others}
    return Rows(
        rows=rows[parsed.positions],
        values={name: parsed.values[name] for name in wanted.plain},
        others=pa.table(others) if wanted.others else None,
        faults=tuple(Fault(int(rows[fault.position]), fault.key, fault.reason) for fault in parsed.faults),
    )


def _refuse_other_lines(file: TableFile, head: bytes) -> None:
    """Raise UsageError if another line end than LF separates the first two objects."""
    text = head.decode(errors="replace").lstrip("\ufeff \t\r\n")
    try:
        behind = text[json.JSONDecoder().raw_decode(text)[1] :]
    except (ValueError, RecursionError):
        return
    end = {"\r": "CR alone", **LINE_ENDS}.get(behind[:1])
    if end is not None and behind[1:2] == "{":
        raise UsageError(f"{file.uri}: its lines end in {end}; end them in LF")
