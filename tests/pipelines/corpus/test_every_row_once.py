"""Whatever a file holds, and wherever units and blocks of bytes end, each row is read exactly once and alike."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
from unittest.mock import patch

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encore.pipelines.corpus import CorpusColumns, cutting
from encore.tablefiles import TextOptions, files
from tests.pipelines.corpus.corpora import read_all, write_parquet
from tests.tablefiles.columnar.arrow_tables import write_arrow

TEXT = st.text(alphabet='ab é😀,"\n\r\\{}\u2028\0', min_size=1, max_size=8).map(lambda text: f".{text}")
ROWS = st.lists(st.tuples(TEXT, TEXT, st.none() | TEXT), max_size=25, unique_by=lambda row: row[0])
SIZES = st.integers(1, 30)
COLUMNS = CorpusColumns(pair="pair")


def zstd(data):
    return pa.compress(data, codec="zstd", asbytes=True)


same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def read(path, unit_rows, read_bytes, **options):
    with patch.object(files, "READ_BYTES", read_bytes):
        documents, letters = read_all(path, columns=COLUMNS, unit_rows=unit_rows, options=TextOptions(**options))
    return [(row["doc_id"], row["text"], row["pair"]) for row in documents], letters


def text_table(rows, kind=None):
    kind = kind or pa.string()
    ids, texts, pairs = zip(*rows, strict=True) if rows else ((), (), ())
    columns = {"doc_id": ids, "text": texts, "pair": pairs}
    return pa.table({name: pa.array(column, pa.string()).cast(kind) for name, column in columns.items()})


ENCODINGS = [
    {"use_dictionary": True},
    {"use_dictionary": False},
    {"use_dictionary": ["text"]},
    {"dictionary_pagesize_limit": 4},
    {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"},
    {"use_dictionary": False, "column_encoding": "DELTA_LENGTH_BYTE_ARRAY"},
    {"data_page_version": "2.0", "write_page_checksum": True},
]
KINDS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int16(), pa.string())]


@same_folder
@given(
    ROWS,
    SIZES,
    st.integers(1, 10),
    st.sampled_from(ENCODINGS),
    st.sampled_from(KINDS),
    st.integers(1, 40),
    st.sampled_from(["none", "zstd"]),
    st.sampled_from([1, 40, 1 << 30]),
)
def test_in_parquet(tmp_path, rows, unit_rows, group, encoding, kind, page, compression, unit_bytes):
    # A column of categories in delta encoding is written by pyarrow, and not read.
    kind = pa.string() if "column_encoding" in encoding else kind
    layout = {"row_group_size": group, "data_page_size": page, "write_batch_size": 1, "compression": compression}
    path = write_parquet(tmp_path / "x.parquet", text_table(rows, kind), **layout, **encoding)
    with patch.object(cutting, "UNIT_BYTES", unit_bytes):
        assert read(path, unit_rows, 8) == (rows, [])


@same_folder
@given(ROWS, SIZES, st.integers(1, 10), st.booleans(), st.sampled_from(KINDS), st.sampled_from([1, 40, 1 << 30]))
def test_in_arrow_ipc(tmp_path, rows, unit_rows, batch, stream, kind, unit_bytes):
    path = write_arrow(tmp_path / "x.arrow", text_table(rows, kind), stream=stream, rows=batch)
    with patch.object(cutting, "UNIT_BYTES", unit_bytes):
        assert read(path, unit_rows, 8) == (rows, [])


@same_folder
@given(ROWS, SIZES, st.integers(1, 60), st.sampled_from(["\n", "\r\n", "\n \n\n"]), st.booleans(), st.booleans())
def test_in_json_lines(tmp_path, rows, unit_rows, read_bytes, end, escaped, last):
    lines = [json.dumps(dict(zip(("doc_id", "text", "pair"), row, strict=True)), ensure_ascii=escaped) for row in rows]
    path = tmp_path / "x.jsonl"
    path.write_bytes((end.join(lines) + end * last).encode())
    assert read(path, unit_rows, read_bytes) == (rows, [])


@same_folder
@given(ROWS, SIZES, st.integers(1, 60), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_in_csv(tmp_path, rows, unit_rows, read_bytes, end, blank_lines):
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator=end, quoting=csv.QUOTE_MINIMAL if end == "\r\n" else csv.QUOTE_ALL)
    writer.writerow(["doc_id", "text", "pair"])
    for row in rows:
        writer.writerow([*row[:2], row[2] or "-"])
        sink.write(end * blank_lines)
    path = tmp_path / "x.csv"
    path.write_bytes(sink.getvalue().encode())
    # Unless the user says what a backslash is, a text that ends in two of them may be one that ends in one.
    assert read(path, unit_rows, read_bytes, escape='"') == ([(*row[:2], row[2] or "-") for row in rows], [])
    documents, letters = read(path, unit_rows, read_bytes)
    assert set(documents) <= {(*row[:2], row[2] or "-") for row in rows}
    assert all(letter.reason.startswith("CSV row in doubt") for letter in letters)


@same_folder
@given(ROWS, SIZES, st.integers(1, 60), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(",;\t"))
def test_in_csv_with_backslashes_that_escape(tmp_path, rows, unit_rows, read_bytes, quoting, delimiter):
    sink = io.StringIO()
    end = "\r\n" if quoting == csv.QUOTE_MINIMAL else "\n"
    writer = csv.writer(
        sink, delimiter=delimiter, lineterminator=end, quoting=quoting, escapechar="\\", doublequote=False
    )
    writer.writerows([["doc_id", "text", "pair"], *((*row[:2], row[2] or "-") for row in rows)])
    path = tmp_path / "x.csv"
    path.write_bytes(sink.getvalue().encode())
    expected = {(*row[:2], row[2] or "-") for row in rows}
    documents, letters = read(path, unit_rows, read_bytes, escape="\\", delimiter=delimiter)
    assert set(documents) <= expected
    assert all("outside quotes" in letter.reason for letter in letters)
    assert not letters or quoting == csv.QUOTE_MINIMAL
    if any('"' in text for row in expected for text in row):
        # One escaped quote shows that no backslash of the file is to be believed.
        assert set(read(path, unit_rows, read_bytes, delimiter=delimiter)[0]) <= expected


TABLES = st.sampled_from(["lines", "array", "indented array", "objects over lines", "csv"])
PACKED = st.sampled_from([("", lambda data: data), (".gz", gzip.compress), (".zst", zstd), (".bz2", bz2.compress)])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-7"])


def written(layout, rows):
    objects = [dict(zip(("doc_id", "text", "pair"), row, strict=True)) for row in rows]
    if layout == "array":
        return json.dumps(objects, ensure_ascii=False)
    if layout == "indented array":
        return json.dumps(objects, indent=1)
    if layout == "objects over lines":
        return "\n".join(json.dumps(each, indent=2, ensure_ascii=False) for each in objects)
    if layout == "lines":
        return "\n".join(json.dumps(each) for each in objects)
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\r\n").writerows([["doc_id", "text", "pair"], *rows])
    return sink.getvalue()


@same_folder
@given(ROWS, SIZES, st.integers(1, 60), TABLES, PACKED, ENCODINGS)
def test_in_every_layout_compression_and_encoding(tmp_path, rows, unit_rows, read_bytes, layout, packed, encoding):
    rows = [(*row[:2], row[2] or "-") for row in rows]
    ending, pack = packed
    path = tmp_path / f"x.{'csv' if layout == 'csv' else 'json'}{ending}"
    path.write_bytes(pack(written(layout, rows).encode(encoding)))
    assert read(path, unit_rows, read_bytes, encoding=encoding, escape='"') == (rows, [])


MESSY_LINES = st.lists(
    st.sampled_from(
        [b'{"doc_id":"a","text":"x"}', b'{"doc_id":"b","text":"y"}', b'{"doc_id":3,"text":"z","pair":"p"}',
         b'{"doc_id":"c","text":4}', b'{"doc_id":"d","text":"\xff"}', b'{"doc_id":"e","text":" "}', b"{", b"", b" ",
         b'{"text":"x"}', b'{"doc_id":"f","text":"\\ud800"}', b'{"doc_id":"g","text":"x","pair":""}']
    ),
    max_size=12,
)  # fmt: skip


MESSY_CSV = st.binary(max_size=60).map(lambda data: bytes(b'ab,",\r\n\n\xff"'[byte % 10] for byte in data))


@same_folder
@given(MESSY_LINES, SIZES, st.integers(1, 60))
def test_messy_json_lines_give_the_same_documents_and_dead_letters(tmp_path, lines, unit_rows, read_bytes):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"doc_id":"first","text":"x","pair":"y"}\n' + b"\n".join(lines))
    expected = read(path, 1000, 4096)
    assert read(path, unit_rows, read_bytes) == expected
    documents, letters = expected
    assert len(documents) + len(letters) == 1 + sum(bool(line.strip()) for line in lines)
    assert [letter.row for letter in letters] == sorted({letter.row for letter in letters})


@same_folder
@given(
    st.binary(max_size=60).map(lambda data: bytes(b'ab,",\r\n\n\xff"'[byte % 10] for byte in data)),
    SIZES,
    st.integers(1, 60),
)
def test_messy_csv_gives_the_same_documents_and_dead_letters(tmp_path, data, unit_rows, read_bytes):
    path = tmp_path / "x.csv"
    path.write_bytes(b"doc_id,text,pair\n" + data)
    expected = read(path, 1000, 4096)
    assert read(path, unit_rows, read_bytes) == expected
    assert [letter.row for letter in expected[1]] == sorted({letter.row for letter in expected[1]})
