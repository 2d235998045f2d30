"""Corpus files in JSON Lines: one object a line; units are byte ranges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from featurestore.errors import UsageError
from tables.contract import Fault, KeyBlock, Part, Rows, Wanted
from tables.files import TableFile
from tables.text.byte_ranges import ByteBlock, data_start, read_blocks
from tables.text.json_rows import parse_line, parse_rows, split_lines
from tables.text.json_source import spelled_in


@dataclass(frozen=True)
class JsonLinesFiles:
    """JSON Lines: keys are strings or integers; a row is a line, and a blank line is no row.

    Other columns are text: strings as they are, other values as they are written. Their type must not depend on which
    rows a unit, or tonight's corpus, happens to hold.
    """

    name: ClassVar[str] = "jsonl"
    endings: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".json")

    def check(self, file: TableFile, wanted: Wanted) -> pa.Schema:
        """See `TableFormat.check`; reads on while a column has not been seen, since any row may leave keys out."""
        kept = pa.schema([pa.field(name, pa.string()) for name in wanted.others])
        seen: dict[str, None] = {}
        missing = set(wanted.names)
        for number, block in enumerate(read_blocks(file, data_start(file), file.bytes, 0, split_lines)):
            if number and not any(spelled_in(name, block.data) for name in missing):
                continue
            lines = range(len(block.spans.starts))
            objects = (parse_line(block.row_bytes(line), wanted.key, wanted.names) for line in lines)
            for row in objects:
                seen |= dict.fromkeys(row or ())
                missing -= seen.keys()
                if not missing:
                    return kept
            if lines and not seen:
                raise UsageError(f"{file.uri}: not JSON Lines: {_first_thing(block)}; write one object a line")
        if seen:
            wanted.require(file.uri, list(seen))
        return kept

    def scan(self, file: TableFile, wanted: Wanted) -> Iterator[KeyBlock]:
        """See `TableFormat.scan`; parses every line, and keeps the keys and where the lines start."""
        for block in read_blocks(file, data_start(file), file.bytes, 0, split_lines):
            parsed = parse_rows(block, wanted.key, ())
            ids = parsed.values[wanted.key]
            if parsed.faults:
                origin = np.full(len(block.rows), -1)
                origin[parsed.positions] = np.arange(len(parsed.positions))
                ids = ids.take(pa.array(origin, mask=origin < 0))
            yield KeyBlock(ids, block.rows, block.starts, len(block.data))

    def split_points(self, file: TableFile) -> None:
        """See `TableFormat.split_points`."""

    def read(self, file: TableFile, parts: Sequence[Part], wanted: Wanted) -> Iterator[Rows]:
        """See `TableFormat.read`."""
        for part in parts:
            blocks = read_blocks(file, part.start, part.stop, part.first_row, split_lines)
            yield Rows.concatenate([_read_block(block, wanted) for block in blocks])


def _read_block(block: ByteBlock, wanted: Wanted) -> Rows:
    parsed = parse_rows(block, wanted.key, wanted.texts, wanted.others)
    rows = block.rows
    others = {name: parsed.values[name].view(pa.large_string()) for name in wanted.others}
    return Rows(
        rows=rows[parsed.positions],
        values={name: parsed.values[name] for name in (wanted.key, *wanted.texts)},
        others=pa.table(others) if wanted.others else None,
        faults=tuple(Fault(int(rows[fault.position]), fault.key, fault.reason) for fault in parsed.faults),
    )


def _first_thing(block: ByteBlock) -> str:
    array = block.row_bytes(0).startswith(b"[")
    return "it holds a JSON array" if array else "no line of its first block is an object"
