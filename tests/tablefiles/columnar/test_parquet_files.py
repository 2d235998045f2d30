from __future__ import annotations

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.featurestore.errors import DataError, UsageError
from encore.pipelines.corpus import CorpusColumns, plan
from encore.tablefiles.columnar import parquet_files
from encore.tablefiles.columnar.parquet_files import ParquetFiles
from encore.tablefiles.files import READ_BYTES
from tests.pipelines.corpus.corpora import corpus_file, read_all, read_unit, reasons_of, texts_of, write_parquet

LAYOUTS = [
    pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(),
    pa.dictionary(pa.int16(), pa.string()), pa.dictionary(pa.int32(), pa.large_string()),
]  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_text_of_any_layout_is_read(tmp_path, layout):
    column = pa.array(["a", "é b", "a"])
    if pa.types.is_dictionary(layout):
        column = column.cast(layout.value_type).dictionary_encode().cast(layout)
    elif "binary" in str(layout):
        column = column.cast(pa.binary()).cast(layout)
    else:
        column = column.cast(layout)
    table = pa.table({"doc_id": pa.array(["1", "2", "3"]).cast(column.type), "text": column, "kept": column})
    path = write_parquet(tmp_path / "x.parquet", table)
    documents, letters = read_all(path, columns=CorpusColumns(keep=("kept",)))
    assert texts_of(documents) == {"1": "a", "2": "é b", "3": "a"}
    assert [document["kept"] for document in documents] in (["a", "é b", "a"], [b"a", "é b".encode(), b"a"])
    assert not letters


def test_integer_ids_become_their_decimal_text(tmp_path):
    table = pa.table({"doc_id": pa.array([0, 7, 2**64 - 1], pa.uint64()), "text": ["a", "b", "c"]})
    documents, _ = read_all(write_parquet(tmp_path / "x.parquet", table))
    assert texts_of(documents) == {"0": "a", "7": "b", "18446744073709551615": "c"}


@pytest.mark.parametrize("kind", [pa.float64(), pa.bool_(), pa.timestamp("us"), pa.binary(4), pa.list_(pa.string())])
def test_an_id_or_text_column_of_another_type_is_a_usage_error(tmp_path, kind):
    for wrong in ("doc_id", "text"):
        table = pa.table({name: pa.nulls(1, kind if name == wrong else pa.string()) for name in ("doc_id", "text")})
        file = corpus_file(write_parquet(tmp_path / "x.parquet", table))
        with pytest.raises(UsageError, match=rf"x.parquet: column {wrong} holds .*, expected text"):
            ParquetFiles().check(file, CorpusColumns().wanted)


def test_a_text_column_of_numbers_is_a_usage_error(tmp_path):
    file = corpus_file(write_parquet(tmp_path / "x.parquet", [{"doc_id": 1, "text": 2}]))
    with pytest.raises(UsageError, match="column text holds int64, expected text"):
        ParquetFiles().check(file, CorpusColumns().wanted)


def test_a_missing_column_is_a_usage_error_that_lists_those_there(tmp_path):
    file = corpus_file(write_parquet(tmp_path / "x.parquet", [{"id": "1", "body": "a"}]))
    with pytest.raises(UsageError, match=r"x.parquet: no column doc_id, text; columns there: id, body"):
        ParquetFiles().check(file, CorpusColumns().wanted)


def test_a_file_that_is_no_parquet_is_a_usage_error(tmp_path):
    whole = write_parquet(tmp_path / "whole.parquet", [{"doc_id": "1", "text": "a"}]).read_bytes()
    for name, data in {"text": b"doc_id,text\n1,a\n", "cut": whole[:-20], "head": whole[:4]}.items():
        path = tmp_path / f"{name}.pq"
        path.write_bytes(data)
        with pytest.raises(UsageError, match=f"{name}.pq: not a Parquet file, or a damaged one"):
            plan([corpus_file(path)], CorpusColumns())


def test_damaged_pages_are_a_data_error_that_names_the_file(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", [{"doc_id": str(i), "text": "a"} for i in range(1000)])
    data = bytearray(path.read_bytes())
    data[4:200] = bytes(196)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"x.parquet: damaged"):
        plan([corpus_file(path)], CorpusColumns())


def test_units_that_start_and_stop_inside_row_groups_are_read_whole(tmp_path):
    rows = [{"doc_id": str(i), "text": f"t{i}"} for i in range(100)]
    path = write_parquet(tmp_path / "x.parquet", rows, row_group_size=7)
    for unit_rows in (1, 5, 7, 14, 33, 100, 1000):
        assert texts_of(read_all(path, unit_rows=unit_rows)[0]) == {row["doc_id"]: row["text"] for row in rows}


def test_only_the_row_groups_and_columns_of_a_unit_are_decoded(tmp_path, monkeypatch):
    rows = [{"doc_id": str(i), "text": f"t{i}", "noise": "x" * 50} for i in range(40)]
    path = write_parquet(tmp_path / "x.parquet", rows, row_group_size=10)
    unit = plan([corpus_file(path)], CorpusColumns(), 10).units[2]
    asked = []
    batches = parquet_files._batches
    monkeypatch.setattr(
        parquet_files, "_batches", lambda p, f, g, n, *most: asked.append((g, n)) or batches(p, f, g, n, *most)
    )
    assert [row["doc_id"] for row in read_unit(unit, CorpusColumns())[0].table.to_pylist()] == [
        row["doc_id"] for row in rows[20:30]
    ]
    assert asked == [(2, ("doc_id", "text"))]


def test_empty_files_and_empty_row_groups_hold_no_documents(tmp_path):
    schema = pa.schema({"doc_id": pa.string(), "text": pa.string()})
    empty = write_parquet(tmp_path / "empty.parquet", schema.empty_table())
    path = tmp_path / "gaps.parquet"
    with pq.ParquetWriter(path, schema) as writer:
        for count in (0, 2, 0, 3, 0):
            writer.write_table(
                pa.table({"doc_id": [f"{count}{i}" for i in range(count)], "text": ["x"] * count}, schema)
            )
    assert plan([corpus_file(empty)], CorpusColumns()).units == ()
    assert list(texts_of(read_all(path, unit_rows=2)[0])) == ["20", "21", "30", "31", "32"]


def test_a_column_of_nulls_is_read(tmp_path):
    table = pa.table({"doc_id": ["1", "2"], "text": ["a", "b"], "pair": pa.nulls(2)})
    documents, letters = read_all(write_parquet(tmp_path / "x.parquet", table), columns=CorpusColumns(pair="pair"))
    assert [document["pair"] for document in documents] == [None, None]
    assert not letters


def test_invalid_utf8_in_a_string_column_is_seen(tmp_path):
    text = pa.array([b"fine", b"\xff\xfe", b"also fine"]).view(pa.string())
    path = write_parquet(tmp_path / "x.parquet", pa.table({"doc_id": ["1", "2", "3"], "text": text}))
    documents, letters = read_all(path)
    assert texts_of(documents) == {"1": "fine", "3": "also fine"}
    assert reasons_of(letters) == [(1, "2", "text is invalid UTF-8")]


def test_kept_columns_keep_their_type(tmp_path):
    table = pa.table({"doc_id": ["1"], "text": ["a"], "year": pa.array([2020], pa.int16()), "tags": [["x"]]})
    columns = CorpusColumns(keep=("year", "tags"))
    file = corpus_file(write_parquet(tmp_path / "x.parquet", table))
    block, _, _ = read_unit(plan([file], columns).units[0], columns)
    assert block.table.schema.field("year").type == pa.int16()
    assert block.table["tags"].to_pylist() == [["x"]]


def test_kept_columns_have_one_layout_whatever_that_of_the_file_is(tmp_path):
    columns = {
        "tags": pa.array([["x", None], None], pa.large_list(pa.string_view())),
        "kind": pa.array([["x"], ["y"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        "number": pa.array([b"a" * 16, None], pa.uuid().storage_type).cast(pa.uuid()),
    }
    path = write_parquet(tmp_path / "x.parquet", pa.table({"doc_id": ["1", "2"], "text": ["a", "b"], **columns}))
    wanted = CorpusColumns(keep=tuple(columns))
    block, _, _ = read_unit(plan([corpus_file(path)], wanted).units[0], wanted)
    assert [block.table.schema.field(name).type for name in columns] == [
        pa.list_(pa.string()),
        pa.list_(pa.string()),
        pa.binary(16),
    ]
    assert block.table.select(list(columns)).to_pydict() == {
        "tags": [["x", None], None],
        "kind": [["x"], ["y"]],
        "number": [b"a" * 16, None],
    }


def test_invalid_utf8_in_a_list_is_seen(tmp_path):
    tags = pa.array([[b"fine"], None, [b"a", b"\xff"], []]).view(pa.list_(pa.string()))
    table = pa.table({"doc_id": ["1", "2", "3", "4"], "text": ["a", "b", "c", "d"], "tags": tags})
    path = write_parquet(tmp_path / "x.parquet", table)
    documents, letters = read_all(path, columns=CorpusColumns(keep=("tags",)))
    assert [document["tags"] for document in documents] == [["fine"], None, []]
    assert reasons_of(letters) == [(2, "3", "column tags is invalid UTF-8")]


def test_large_documents_are_decoded_a_few_at_a_time(tmp_path):
    rows = [{"doc_id": str(i), "text": os.urandom(50_000).hex()} for i in range(200)]
    path = write_parquet(tmp_path / "x.parquet", rows, use_dictionary=False)
    with parquet_files._opened(corpus_file(path), None) as parquet:
        footer = parquet_files.read_footer(corpus_file(path))
        batches = list(parquet_files._batches(parquet, footer, 0, ("doc_id", "text")))
    assert max(batch.nbytes for batch in batches) < 2 * READ_BYTES
    assert sum(batch.num_rows for batch in batches) == 200
