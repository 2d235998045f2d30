"""Small corpora on disk, and what a plan over them reads."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from encore.pipelines.corpus import CorpusColumns, UnitRead, WorkUnit, plan, read_units
from encore.pipelines.dead_letters import DeadLetter
from encore.tablefiles import TableFile, TextOptions, find_table_files

DATA = Path(os.environ.get("ENCORE_DATA", Path(__file__).parents[4] / "shared" / "data"))
"""Real corpora, where there are any."""


def write_parquet(path: Path, rows: Sequence[dict[str, Any]] | pa.Table, **options: Any) -> Path:
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows))
    pq.write_table(table, path, **options)
    return path


def write_lines(path: Path, *lines: bytes | dict[str, Any], end: bytes = b"\n") -> Path:
    """JSON Lines; a line given as bytes is written as it is."""
    path.write_bytes(b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + end for line in lines))
    return path


def corpus_file(path: Path) -> TableFile:
    (file,) = find_table_files([str(path)])
    return file


def read_unit(unit: WorkUnit, columns: CorpusColumns) -> UnitRead:
    """A work unit alone."""
    (found,) = read_units([unit], columns)
    return found


def read_all(
    *paths: Path,
    columns: CorpusColumns | None = None,
    unit_rows: int | None = None,
    options: TextOptions | None = None,
) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    """Documents and dead letters of all units, in order."""
    columns = columns or CorpusColumns()
    documents: list[dict[str, Any]] = []
    letters: list[DeadLetter] = []
    for unit in plan(
        find_table_files([str(path) for path in paths], options or TextOptions()), columns, unit_rows
    ).units:
        block, dead, _ = read_unit(unit, columns)
        documents += block.table.to_pylist()
        letters += dead
    return documents, letters


def texts_of(documents: list[dict[str, Any]]) -> dict[str, str]:
    """doc_id → text."""
    return {document["doc_id"]: document["text"] for document in documents}


def reasons_of(letters: list[DeadLetter]) -> list[tuple[int, str | None, str]]:
    """(row, doc_id, reason) of each."""
    return [(letter.row, letter.doc_id, letter.reason) for letter in letters]
