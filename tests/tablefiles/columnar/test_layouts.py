"""Every layout that text has in Arrow is taken or refused by name, in Parquet and in Arrow IPC."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.featurestore.errors import UsageError
from encore.pipelines.corpus import CorpusColumns
from encore.tablefiles import values
from tests.pipelines.corpus.corpora import read_all, reasons_of, texts_of, write_parquet
from tests.tablefiles.columnar.arrow_tables import write_arrow

TEXTS = ["a", "é b", "a"]


def laid_out(kind):
    """`TEXTS` in a type."""
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, laid_out(kind.storage_type))
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(
            pa.array([0, 1, 0], kind.index_type), pa.array(TEXTS[:2], kind.value_type)
        )
    if pa.types.is_run_end_encoded(kind):
        return pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3], kind.run_end_type), laid_out(kind.value_type))
    given = pa.array(TEXTS)
    return given.cast(pa.binary()).cast(kind) if "binary" in str(kind) else given.cast(kind)


TAKEN = [
    pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(),
    *(pa.dictionary(index, pa.string()) for index in (pa.int8(), pa.uint8(), pa.uint32(), pa.int64(), pa.uint64())),
    pa.dictionary(pa.int8(), pa.large_string()), pa.dictionary(pa.int8(), pa.string_view()),
    pa.run_end_encoded(pa.int32(), pa.string()), pa.run_end_encoded(pa.int16(), pa.large_string()),
    pa.json_(), pa.json_(pa.large_string()), pa.json_(pa.string_view()),
]  # fmt: skip
NOT_WRITTEN = (pa.dictionary(pa.int8(), pa.string_view()), *(k for k in TAKEN if pa.types.is_run_end_encoded(k)))
"""Types that pyarrow writes to no Parquet file."""
IN_PARQUET = [kind for kind in TAKEN if kind not in NOT_WRITTEN]
REFUSED = [
    pa.bool_(), pa.float64(), pa.int64(), pa.decimal128(5, 2), pa.date32(), pa.timestamp("us"), pa.binary(4), pa.uuid(),
    pa.list_(pa.string()), pa.struct([("a", pa.string())]), pa.map_(pa.string(), pa.string()),
    pa.dictionary(pa.int8(), pa.float64()), pa.dictionary(pa.int8(), pa.binary(4)),
    pa.run_end_encoded(pa.int32(), pa.float64()),
]  # fmt: skip


@pytest.mark.parametrize("unit_rows", [1, 2, 3])
@pytest.mark.parametrize(
    ("kind", "file"),
    [*((kind, "x.arrow") for kind in TAKEN), *((kind, "x.parquet") for kind in IN_PARQUET)],
    ids=str,
)
def test_text_of_any_layout_is_read(tmp_path, kind, file, unit_rows):
    write = write_arrow if file == "x.arrow" else write_parquet
    table = pa.table({"doc_id": ["1", "2", "3"], "text": laid_out(kind), "kept": laid_out(kind)})
    path = write(tmp_path / file, table)
    documents, letters = read_all(path, columns=CorpusColumns(keep=("kept",)), unit_rows=unit_rows)
    assert texts_of(documents) == dict(zip("123", TEXTS, strict=True))
    assert [document["kept"] for document in documents] in (TEXTS, [text.encode() for text in TEXTS])
    assert not letters


@pytest.mark.parametrize("kind", REFUSED, ids=str)
def test_what_is_no_text_is_refused_by_name(tmp_path, kind):
    nothing = pa.nulls(2, kind)
    if pa.types.is_run_end_encoded(kind):
        nothing = pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.nulls(1, kind.value_type))
    path = write_arrow(tmp_path / "x.arrow", pa.table({"doc_id": ["1", "2"], "text": nothing}))
    with pytest.raises(UsageError, match=r"x.arrow: column text holds .*, expected text"):
        read_all(path)


def test_a_column_without_type_holds_nulls(tmp_path):
    table = pa.table({"doc_id": ["1", "2"], "text": ["a", "b"], "pair": pa.nulls(2)})
    documents, letters = read_all(write_arrow(tmp_path / "x.arrow", table), columns=CorpusColumns(pair="pair"))
    assert [document["pair"] for document in documents] == [None, None]
    assert not letters


def test_categories_that_were_appended_in_chunks_are_read(tmp_path):
    """Joined, their dictionary has more entries than an int8 can count."""
    kind = pa.dictionary(pa.int8(), pa.string())
    chunks = [pa.array([f"{chunk} {i}" for i in range(100)]).dictionary_encode().cast(kind) for chunk in range(4)]
    table = pa.table({"doc_id": [str(i) for i in range(400)], "text": pa.chunked_array(chunks)})
    parquet = tmp_path / "x.parquet"
    with pq.ParquetWriter(parquet, table.schema) as writer:
        for start in range(0, 400, 100):
            writer.write_table(table.slice(start, 100))
    for path in (parquet, write_arrow(tmp_path / "x.arrow", table, stream=True)):
        for unit_rows in (150, 400):
            documents, _ = read_all(path, unit_rows=unit_rows)
            assert [document["text"] for document in documents] == table["text"].to_pylist()


@pytest.mark.parametrize("kind", [pa.list_(pa.string_view()), pa.large_list(pa.large_string())], ids=str)
def test_lists_of_any_layout_are_kept(tmp_path, kind):
    table = pa.table(
        {"doc_id": ["1", "2", "2"], "text": ["a", "b", "b"], "kept": pa.array([["x", "y"], [], None], kind)}
    )
    for path in (write_arrow(tmp_path / "x.arrow", table), write_parquet(tmp_path / "x.parquet", table)):
        documents, letters = read_all(path, columns=CorpusColumns(keep=("kept",)))
        assert [document["kept"] for document in documents] == [["x", "y"], []]
        assert [letter.row for letter in letters] == [2]


def test_a_value_that_is_too_long_is_the_fault_of_its_row(tmp_path, monkeypatch):
    monkeypatch.setattr("encore.tablefiles.columnar.batches.MAX_VALUE_BYTES", 2 << 20)
    long = "x" * (2 << 20)
    rows = [
        {"doc_id": "1", "text": "a", "kept": 1},
        {"doc_id": "2", "text": long + "x", "kept": 2},
        {"doc_id": "3", "text": long, "kept": 3},
        {"doc_id": long + "x", "text": "b", "kept": 4},
    ]
    table = pa.Table.from_pylist(rows)
    for path in (write_arrow(tmp_path / "x.arrow", table), write_parquet(tmp_path / "x.parquet", table)):
        documents, letters = read_all(path, columns=CorpusColumns(keep=("kept",)))
        assert [(row["doc_id"], row["kept"]) for row in documents] == [("1", 1), ("3", 3)]
        assert reasons_of(letters) == [(1, "2", "text over 2 MiB"), (3, None, "id over 2 MiB")]
    assert values.MAX_VALUE_BYTES == 64 << 20
