"""Corpus files in JSON Lines: one object a line; units are byte ranges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from featurestore.errors import UsageError
from pipelines.corpus.byte_ranges import ByteBlock, data_start, read_blocks
from pipelines.corpus.columns import CorpusColumns
from pipelines.corpus.contract import IdBlock, RawRows
from pipelines.corpus.files import CorpusFile
from pipelines.corpus.json_rows import parse_line, parse_rows, split_lines
from pipelines.corpus.units import WorkUnit
from pipelines.dead_letters import DeadLetter


@dataclass(frozen=True)
class JsonLinesFiles:
    """JSON Lines: ids are strings or integers; a row is a line, and a blank line is no row.

    Kept columns are text: strings as they are, other values as their JSON text. Their type must not depend on which
    rows a unit, or tonight's corpus, happens to hold.
    """

    name: ClassVar[str] = "jsonl"
    endings: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".json")

    def check(self, file: CorpusFile, columns: CorpusColumns) -> pa.Schema:
        """See `CorpusFormat.check`; reads on while a column has not been seen, since any row may leave keys out."""
        kept = pa.schema([pa.field(name, pa.string()) for name in columns.keep])
        seen: dict[str, None] = {}
        missing = set(columns.required)
        for number, block in enumerate(read_blocks(file, data_start(file), file.bytes, 0, split_lines)):
            if number and not any(name.encode() in block.data for name in missing):
                continue
            lines = range(len(block.spans.starts))
            objects = (parse_line(block.row_bytes(line), columns.doc_id, columns.required) for line in lines)
            for row in objects:
                seen |= dict.fromkeys(row or ())
                missing -= seen.keys()
                if not missing:
                    return kept
            if lines and not seen:
                raise UsageError(f"{file.uri}: not JSON Lines: {_first_thing(block)}; write one object a line")
        if seen:
            columns.require(file.uri, list(seen))
        return kept

    def scan(self, file: CorpusFile, columns: CorpusColumns) -> Iterator[IdBlock]:
        """See `CorpusFormat.scan`; parses every line, and keeps the ids and where the lines start."""
        for block in read_blocks(file, data_start(file), file.bytes, 0, split_lines):
            parsed = parse_rows(block, columns.doc_id, {})
            ids = parsed.values[columns.doc_id]
            if parsed.faults:
                origin = np.full(len(block.rows), -1)
                origin[parsed.positions] = np.arange(len(parsed.positions))
                ids = ids.take(pa.array(origin, mask=origin < 0))
            yield IdBlock(ids, block.rows, block.starts, len(block.data))

    def read(self, unit: WorkUnit, columns: CorpusColumns) -> RawRows:
        """See `CorpusFormat.read`."""
        blocks = read_blocks(unit.file, unit.start, unit.stop, unit.first_row, split_lines)
        return RawRows.concatenate([_read_block(block, unit.file, columns) for block in blocks])


def _read_block(block: ByteBlock, file: CorpusFile, columns: CorpusColumns) -> RawRows:
    texts = {"text": columns.text} | ({} if columns.pair is None else {"pair": columns.pair})
    parsed = parse_rows(block, columns.doc_id, texts, columns.keep)
    rows = block.rows
    return RawRows(
        rows=rows[parsed.positions],
        ids=parsed.values[columns.doc_id],
        texts=parsed.values[columns.text],
        pairs=None if columns.pair is None else parsed.values[columns.pair],
        kept=pa.table({name: parsed.values[name].view(pa.large_string()) for name in columns.keep})
        if columns.keep
        else None,
        rejected=tuple(
            DeadLetter(fault.doc_id, file.uri, int(rows[fault.position]), "read", fault.reason)
            for fault in parsed.faults
        ),
    )


def _first_thing(block: ByteBlock) -> str:
    array = block.row_bytes(0).startswith(b"[")
    return "it holds a JSON array" if array else "no line of its first block is an object"
