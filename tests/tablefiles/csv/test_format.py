from __future__ import annotations

import csv
import gzip
import io
import random

import pytest

from encore.featurestore.errors import UsageError
from encore.pipelines.corpus import CorpusColumns, plan
from encore.tablefiles import TextOptions
from encore.tablefiles.csv.format import CsvFiles
from tests.pipelines.corpus.corpora import corpus_file, read_all, reasons_of, texts_of


def csv_file(folder, data, name="x.csv"):
    path = folder / name
    path.write_bytes(data)
    return path


def test_nothing_is_inferred_from_a_cell(tmp_path):
    path = csv_file(tmp_path, b"doc_id,text\n007,null\n1e3,NaN\n true,2020-01-01\n-0,007\n")
    documents, letters = read_all(path)
    assert texts_of(documents) == {"007": "null", "1e3": "NaN", " true": "2020-01-01", "-0": "007"}
    assert not letters


def test_an_empty_cell_is_no_id_and_empty_text(tmp_path):
    path = csv_file(tmp_path, b'doc_id,text,pair\n,a,b\n2,,b\n"",a,b\n3,a,""\n4,a,b\n')
    documents, letters = read_all(path, columns=CorpusColumns(pair="pair"))
    assert texts_of(documents) == {"4": "a"}
    assert reasons_of(letters) == [
        (0, None, "missing id"),
        (1, "2", "empty text"),
        (2, None, "missing id"),
        (3, "3", "empty pair"),
    ]


def test_quoted_cells_may_hold_commas_quotes_and_line_ends(tmp_path):
    path = csv_file(tmp_path, b'doc_id,text\r\na,"x, ""y""\r\nz"\r\n"b\n",5" pipe\r\n')
    for unit_rows in (1, 2):
        documents, letters = read_all(path, unit_rows=unit_rows)
        assert texts_of(documents) == {"a": 'x, "y"\r\nz', "b\n": '5" pipe'}
        assert not letters


def test_rows_with_another_number_of_cells_or_broken_quotes_are_dead_letters(tmp_path):
    path = csv_file(tmp_path, b'doc_id,text\na,x\nb\nc,y,z\n\nd,"w\ne,"v"u\nf,\xff\ng,ok\n')
    expected = [
        (1, None, "malformed CSV row: 1 cells, expected 2"),
        (2, None, "malformed CSV row: 3 cells, expected 2"),
        (3, None, "malformed CSV row: its quotes do not match"),
        (4, None, "malformed CSV row: its quotes do not match"),
        (5, "f", "text is invalid UTF-8"),
    ]
    for unit_rows in (1, 2, 100):
        documents, letters = read_all(path, unit_rows=unit_rows)
        assert texts_of(documents) == {"a": "x", "g": "ok"}
        assert reasons_of(letters) == expected
    assert plan([corpus_file(path)], CorpusColumns()).documents == 7


def test_columns_are_found_by_name_in_any_order_and_others_may_share_one(tmp_path):
    path = csv_file(tmp_path, b"note,text,note,doc_id,year\nn,x,m,a,2020\n")
    documents, _ = read_all(path, columns=CorpusColumns(keep=("year",)))
    assert (texts_of(documents), documents[0]["year"]) == ({"a": "x"}, "2020")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("header", [b"doc_id,text", b'"doc_id","text"'])
def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path, mark, header):
    path = csv_file(tmp_path, mark + header + b"\na,x\nb,y")
    assert texts_of(read_all(path)[0]) == {"a": "x", "b": "y"}


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("unit_rows", [1, 2, None])
def test_a_byte_order_mark_before_a_row_is_skipped_and_inside_a_cell_it_is_data(tmp_path, end, unit_rows):
    rows = [b"doc_id,text", b"a,x", MARK + b"b,y", MARK + b'"c","z, ""z""' + end + MARK + b'z"', MARK, b"d," + MARK]
    path = csv_file(tmp_path, MARK + end.join(rows) + end)
    documents, letters = read_all(path, unit_rows=unit_rows)
    assert texts_of(documents) == {"a": "x", "b": "y", "c": f'z, "z"{end.decode()}\ufeffz', "d": "\ufeff"}
    assert not letters


@pytest.mark.parametrize("bytes_at_once", range(1, 12))
def test_a_byte_order_mark_may_arrive_in_pieces(tmp_path, monkeypatch, bytes_at_once):
    monkeypatch.setattr("encore.tablefiles.text.byte_ranges.bytes_at_once", lambda file: bytes_at_once)
    path = csv_file(tmp_path, b"doc_id,text\na,x\n" + MARK + b"b,y\n" + MARK + b'"c",z\n')
    assert texts_of(read_all(path, unit_rows=1)[0]) == {"a": "x", "b": "y", "c": "z"}


def test_a_header_alone_holds_no_documents(tmp_path):
    assert read_all(csv_file(tmp_path, b"doc_id,text")) == ([], [])
    assert read_all(csv_file(tmp_path, b"\ndoc_id,text\r\n\r\n")) == ([], [])


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("doc_id,text\na,x\n".encode("utf-16"), "is UTF-16; say --encoding utf-16"),
        ("doc_id,text\na,x\n".encode("utf-32-be"), "is UTF-32-BE; say --encoding utf-32-be"),
        (gzip.compress(b"doc_id,text\na,x\n"), "is gzip-compressed; rename it so that it ends in .csv.gz"),
        (b"PK\x03\x04....", "is a zip archive .or a spreadsheet.; unpack it, or export it as CSV"),
        ("doc_id,text\u2028a,x\u2028".encode(), r"its lines end in U\+2028; end them in LF or CR LF"),
        ("doc_id,text\x85a,x\x85".encode(), r"its lines end in NEL \(U\+0085\)"),
        (b"sep=;\r\ndoc_id;text\r\n", "its first line says that ';' separates cells; say --csv-delimiter ';'"),
        (b'doc_id,"text\na,x\n', "not CSV in UTF-8"),
        (b"PAR1\x15\x04\x15\n", "is a Parquet file; rename it so that it ends in .parquet"),
        (b"doc_id\0,text\n", "not CSV in UTF-8: its first line holds binary data"),
        (b"doc_id;text\na;x\n", "its header has no comma; say --csv-delimiter ';'"),
        (b"doc_id\ttext\na\tx\n", "has no comma; say --csv-delimiter tab"),
        (b"id,body\na,x\n", "no column doc_id, text; columns there: id, body"),
        (b"doc_id,text,text\na,x,y\n", "more than one column text"),
    ],
)
def test_a_file_that_is_no_csv_or_lacks_a_column_is_a_usage_error(tmp_path, data, what):
    file = corpus_file(csv_file(tmp_path, data))
    with pytest.raises(UsageError, match=f"x.csv: .*{what}|x.csv: {what}"):
        CsvFiles().check(file, CorpusColumns().wanted)


def test_a_tsv_file_has_tabs_and_other_delimiters_are_said(tmp_path):
    for name, mark, given in [("x.tsv", "\t", None), ("x.csv", ";", ";"), ("x.csv", "|", "pipe"), ("x.tsv", ",", ",")]:
        path = csv_file(tmp_path, f'sep={mark}\r\ndoc_id{mark}text\r\na{mark}"x{mark}y"\r\n'.encode(), name)
        assert texts_of(read_all(path, options=TextOptions(delimiter=given))[0]) == {"a": f"x{mark}y"}


def test_lines_may_end_in_cr_alone_and_other_line_ends_in_cells_are_data(tmp_path):
    text = "x\u2028y\x85z\u2029\0\x0b"
    path = csv_file(tmp_path, f"doc_id,text\ra,{text}\rb,y\r".encode())
    assert read_all(path) == read_all(path, unit_rows=1)
    assert texts_of(read_all(path)[0]) == {"a": text, "b": "y"}


def test_lines_that_may_lie_inside_a_broken_cell_are_no_rows(tmp_path):
    path = csv_file(tmp_path, b'doc_id,text\na,"he said "hi" to\nfoo,bar\nand left"\nb,y\n')
    for unit_rows in (1, None):
        documents, letters = read_all(path, unit_rows=unit_rows)
        assert texts_of(documents) == {"b": "y"}
        what = "malformed CSV row: its quotes do not match, and 2 lines behind it that may belong to it"
        assert reasons_of(letters) == [(0, None, what)]


def spark(rows):
    """As Spark writes: quoted where it must be, and only there a backslash before quotes and backslashes."""
    return "".join(",".join(map(spark_cell, row)) + "\n" for row in [("doc_id", "text"), *rows])


def spark_cell(text):
    if not any(mark in text for mark in ',"\n\r'):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def python(rows):
    sink = io.StringIO()
    csv.writer(sink, escapechar="\\", doublequote=False, lineterminator="\n").writerows([("doc_id", "text"), *rows])
    return sink.getvalue()


PHRASES = [
    'say "hi"',
    "a, b",
    "x\ny",
    "C:\\dir",
    "\\",
    '"q"',
    "plain",
    "foo,bar",
    'end."',
    '\\"',
    "\\\\s",
    'two\n"three"\nfour',
]


@pytest.mark.parametrize("write", [spark, python])
@pytest.mark.parametrize("seed", range(3))
def test_of_rows_with_backslash_escapes_none_is_stored_with_another_text(tmp_path, write, seed):
    chance = random.Random(seed)
    rows = [(str(row), " ".join(chance.choices(PHRASES, k=chance.randint(1, 6)))) for row in range(473)]
    path = csv_file(tmp_path, write(rows).encode())
    for unit_rows in (7, None):
        documents, letters = read_all(path, unit_rows=unit_rows)
        assert set(texts_of(documents).items()) <= set(rows)
        assert len(letters) > 300
        assert all("say --csv-escape '\\'" in letter.reason for letter in letters)
        documents, letters = read_all(path, unit_rows=unit_rows, options=TextOptions(escape="\\"))
        assert (list(texts_of(documents).items()), letters) == (rows, [])
    quoted = io.StringIO()
    csv.writer(quoted, lineterminator="\n").writerows([("doc_id", "text"), *rows])
    path = csv_file(tmp_path, quoted.getvalue().encode())
    documents, letters = read_all(path, options=TextOptions(escape='"'))
    assert (list(texts_of(documents).items()), letters) == (rows, [])


def test_a_path_that_ends_in_a_backslash_is_no_doubt_where_only_one_reading_is_well_formed(tmp_path):
    path = csv_file(tmp_path, b'doc_id,text\n1,"C:\\temp\\"\n2,"x, y"\n')
    documents, letters = read_all(path)
    assert (texts_of(documents), letters) == ({"1": "C:\\temp\\", "2": "x, y"}, [])
