"""A row over the limit is one fault, in memory that does not grow with it, and the rest of the file is read."""

from __future__ import annotations

import gzip
import json

import pytest

from encore.tablefiles import files
from encore.tablefiles.csv import records
from encore.tablefiles.text import byte_ranges
from tests.pipelines.corpus.corpora import read_all, reasons_of, texts_of

LONG = "y" * 300
ROWS = [{"doc_id": "a", "text": "x"}, {"doc_id": "b", "text": LONG}, {"doc_id": "c", "text": "z"}]
NEXT = {"doc_id": "d", "text": "w"}


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    monkeypatch.setattr(byte_ranges, "MAX_ROW_BYTES", 100)
    monkeypatch.setattr(records, "MAX_ROW_BYTES", 100)
    monkeypatch.setattr(files, "READ_BYTES", 64)


def csv_of(rows, quote):
    rows = [{"doc_id": "doc_id", "text": "text"}, *rows]
    return "".join(f"{row['doc_id']},{quote}{row['text']}{quote}\n" for row in rows)


LAYOUTS = {
    "lines.jsonl": "\n".join(json.dumps(row) for row in [*ROWS, NEXT]),
    "lines-of-an-array.json": "[\n" + ",\n".join(json.dumps(row) for row in [*ROWS, NEXT]) + "\n]\n",
    "indented-array.json": json.dumps([*ROWS, NEXT], indent=2),
    "objects-over-lines.json": "\n".join(json.dumps(row, indent=2) for row in [*ROWS, NEXT]),
    "bare.csv": csv_of([*ROWS, NEXT], ""),
    "quoted.csv": csv_of([*ROWS, NEXT], '"'),
    "lines-in-quotes.csv": csv_of([*ROWS, NEXT], '"').replace("yyyyy", "yy\nyy"),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("packed", [False, True])
def test_in_every_layout(tmp_path, name, packed):
    data = LAYOUTS[name].encode()
    path = tmp_path / f"{name}{'.gz' * packed}"
    path.write_bytes(gzip.compress(data) if packed else data)
    for unit_rows in (1, 3, None):
        documents, letters = read_all(path, unit_rows=unit_rows)
        assert texts_of(documents) == {"a": "x", "c": "z", "d": "w"}
        assert [(letter.doc_id, letter.reason) for letter in letters] == [(None, "row over 64 MiB")]


def test_what_follows_it_in_an_array_without_lines_is_part_of_the_fault(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps([*ROWS, NEXT]))
    documents, letters = read_all(path)
    assert texts_of(documents) == {"a": "x"}
    assert reasons_of(letters) == [(1, None, "row over 64 MiB")]


def test_one_stray_quote_before_many_rows_costs_its_own_row(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('doc_id,text\n0,"stray\n' + "".join(f"{row},t{row}\n" for row in range(1, 60)))
    for unit_rows in (7, None):
        documents, letters = read_all(path, unit_rows=unit_rows)
        assert texts_of(documents) == {str(row): f"t{row}" for row in range(1, 60)}
        assert reasons_of(letters) == [(0, None, "malformed CSV row: its quotes do not match")]
