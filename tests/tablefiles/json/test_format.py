from __future__ import annotations

import bz2
import gzip

import pyarrow as pa
import pytest

from encore.featurestore.errors import UsageError
from encore.pipelines.corpus import CorpusColumns, plan
from encore.tablefiles import files
from encore.tablefiles.json.format import JsonLinesFiles
from tests.pipelines.corpus.corpora import corpus_file, read_all, reasons_of, texts_of, write_lines

LINE = '{"doc_id": "a", "text": "x"}\n'


def check(path, columns=CorpusColumns()):  # noqa: B008 - a frozen value
    JsonLinesFiles().check(corpus_file(path), columns.wanted)


def test_rows_are_lines_and_blank_lines_are_none(tmp_path):
    path = write_lines(
        tmp_path / "x.jsonl", b"", {"doc_id": "a", "text": "x"}, b"  ", b"{", {"doc_id": "b", "text": ""}
    )
    for unit_rows in (1, 2, 3):
        documents, letters = read_all(path, unit_rows=unit_rows)
        assert texts_of(documents) == {"a": "x"}
        assert reasons_of(letters) == [(3, None, "malformed JSON line"), (4, "b", "empty text")]
    assert plan([corpus_file(path)], CorpusColumns()).documents == 3


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path, end, mark):
    path = write_lines(tmp_path / "x.jsonl", *({"doc_id": i, "text": f"é{i}"} for i in range(5)), end=end)
    path.write_bytes(mark + path.read_bytes().rstrip())
    for unit_rows in (1, 2, 5):
        documents, letters = read_all(path, unit_rows=unit_rows)
        assert texts_of(documents) == {str(i): f"é{i}" for i in range(5)}
        assert not letters


def test_a_malformed_line_is_a_dead_letter_even_if_it_is_the_first(tmp_path):
    path = write_lines(tmp_path / "x.jsonl", b"oops", {"doc_id": "a", "text": "x"})
    documents, letters = read_all(path)
    assert texts_of(documents) == {"a": "x"}
    assert reasons_of(letters) == [(0, None, "malformed JSON line")]
    assert letters[0].stage == "read"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"doc_id,text\na,x\n", "no line of its first block is an object"),
        (b"[1, 2, 3]", "its array holds no object"),
    ],
)
def test_a_file_that_is_not_json_lines_is_a_usage_error(tmp_path, data, what):
    (tmp_path / "x.jsonl").write_bytes(data)
    with pytest.raises(UsageError, match=f"x.jsonl: not JSON Lines: {what}; write one object a line"):
        check(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"PAR1\x00\x01\xff\n", "is a Parquet file; rename it so that it ends in .parquet"),
        (LINE.encode("utf-16"), "is UTF-16; say --encoding utf-16"),
        (LINE.encode("utf-16-le"), "is UTF-16-LE; say --encoding utf-16-le"),
        (gzip.compress(LINE.encode()), "is gzip-compressed; rename it so that it ends in .jsonl.gz"),
        (bz2.compress(LINE.encode()), "is bz2-compressed; rename it so that it ends in .jsonl.bz2"),
        (
            pa.compress(LINE.encode(), codec="zstd", asbytes=True),
            "is zstd-compressed; rename it so that it ends in .jsonl.zst",
        ),
        (LINE.replace("\n", "\r").encode() * 2, "its lines end in CR alone; end them in LF"),
        (LINE.replace("\n", "\u2028").encode() * 2, r"its lines end in U\+2028; end them in LF"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path, data, what):
    (tmp_path / "x.jsonl").write_bytes(data)
    with pytest.raises(UsageError, match=f"x.jsonl: {what}"):
        check(tmp_path / "x.jsonl")


def test_a_missing_column_is_a_usage_error_that_lists_those_there(tmp_path):
    path = write_lines(tmp_path / "x.jsonl", {"id": 1, "text": "x"}, {"id": 2, "body": "y"})
    with pytest.raises(UsageError, match=r"x.jsonl: no column doc_id; columns there: id, text, body"):
        check(path)


def test_a_key_that_first_appears_late_in_the_file_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "READ_BYTES", 64)
    rows = [{"doc_id": str(i), "text": "x"} for i in range(50)]
    columns = CorpusColumns(pair="second")
    path = write_lines(tmp_path / "x.jsonl", *rows, {"doc_id": "z", "text": "x", "second": "y"})
    check(path, columns)
    path = write_lines(tmp_path / "y.jsonl", *rows, {"doc_id": "z", "text": "the word second", "nest": {"second": 1}})
    with pytest.raises(UsageError, match="no column second; columns there: doc_id, text"):
        check(path, columns)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("rubrique-é", "rubrique-\\u00E9"),
        ("a/b", "a\\/b"),
        ("year", "\\u0079ear"),
        ("🙂", "\\ud83d\\uDE42"),
        ('"', '\\"'),
    ],
)
def test_a_key_with_escapes_that_first_appears_late_is_found(tmp_path, monkeypatch, name, written):
    monkeypatch.setattr(files, "READ_BYTES", 64)
    rows = [{"doc_id": str(i), "text": "x"} for i in range(50)]
    path = write_lines(tmp_path / "x.jsonl", *rows)
    with path.open("a") as file:
        file.write(f'{{"doc_id":"z","text":"x","{written}":"y"}}\n')
    check(path, CorpusColumns(keep=(name,)))


def test_an_empty_file_holds_no_documents(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b"\n \n")
    (tmp_path / "y.jsonl").write_bytes(b"")
    assert read_all(tmp_path) == ([], [])


def test_kept_columns_are_text(tmp_path):
    path = write_lines(tmp_path / "x.jsonl", {"doc_id": 1, "text": "x", "year": 2020}, {"doc_id": 2, "text": "y"})
    documents, _ = read_all(path, columns=CorpusColumns(keep=("year",)))
    assert [document["year"] for document in documents] == ["2020", None]
