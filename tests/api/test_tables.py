"""Tables in memory, of any library, as corpora and labels."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import encore
from encore.api.arguments.limits import limit_text
from encore.api.arguments.tables import arrow_table, corpus_files
from encore.tablefiles import ColumnSelection
from tests.pipelines.jobs import encoder, run_encode, texts, write_corpus

COUNT = 40


class Frame:
    """A table of a library that speaks the protocol and nothing else."""

    def __init__(self, table: pa.Table | pa.ChunkedArray) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


class Dataset:
    """A table like a `datasets.Dataset`: rows are read in a format that is chosen first."""

    def __init__(self, table: pa.Table, kind: str = "python") -> None:
        self._table, self._kind = table, kind
        self.column_names = table.column_names

    def with_format(self, kind: str) -> Dataset:
        return Dataset(self._table, kind)

    def __getitem__(self, rows: slice) -> pa.Table:
        assert self._kind == "arrow"
        return self._table.take(list(range(self._table.num_rows))[rows])


def views(table: pa.Table) -> pa.Table:
    """The table with texts as string views, as Polars has them."""
    return table.cast(
        pa.schema([(it.name, pa.string_view() if it.type == pa.string() else it.type) for it in table.schema])
    )


@pytest.fixture(autouse=True)
def no_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the temporary files of this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_table_in_memory_makes_the_store_that_its_file_makes(
    tmp_path: Path, corpus: pa.Table, no_traces: Path
) -> None:
    run_encode(tmp_path / "file", write_corpus(tmp_path / "a.parquet", texts(COUNT)))
    wanted = encore.open_store(tmp_path / "file").catalogue.digest()
    for number, given in enumerate(
        (
            corpus,
            corpus.to_batches()[0],
            pa.RecordBatchReader.from_batches(corpus.schema, corpus.to_batches(max_chunksize=7)),
            Frame(views(corpus)),
            [Frame(corpus.slice(0, 15)), corpus.slice(15)],
            [write_corpus(tmp_path / "b.parquet", texts(15)), corpus.slice(15)],
            duckdb.sql("select * from corpus"),
            Dataset(corpus),
        )
    ):
        encore.encode(given, store=tmp_path / f"{number}", encoder=encoder(), device="cpu")
        assert encore.open_store(tmp_path / f"{number}").catalogue.digest() == wanted
    assert list(no_traces.glob("encore-table-*")) == []


def test_columns_of_a_table_are_named_and_kept_as_those_of_a_file(tmp_path: Path, corpus: pa.Table) -> None:
    renamed = views(corpus).rename_columns(["key", "body", "source"])
    encore.encode(
        Frame(renamed),
        store=tmp_path / "s",
        encoder=encoder(),
        id_column="key",
        text_column="body",
        keep_columns="source",
    )
    kept = encore.open_store(tmp_path / "s").documents()
    assert kept["source"].to_pylist() == corpus["source"].to_pylist()


def test_categories_are_texts_in_whatever_form_a_library_has_them(tmp_path: Path, labels: pa.Table) -> None:
    codes = pa.array([0, 1] * (COUNT // 2), pa.uint32())
    names = pa.array(["even", "odd"]).cast(pa.string_view())
    frame = Frame(pa.table({"doc_id": labels["doc_id"], "text": pa.DictionaryArray.from_arrays(codes, names)}))
    encore.encode(frame, store=tmp_path / "s", encoder=encoder(), device="cpu")
    head = encore.train(tmp_path / "s", frame, task="topic", label_column="text", epochs=1)
    assert head.classes == ("even", "odd")


def test_a_table_without_the_columns_is_refused_before_any_work(tmp_path: Path, corpus: pa.Table) -> None:
    with pytest.raises(encore.UsageError, match="the table: no column body; columns there: doc_id, text, source"):
        encore.encode(corpus, store=tmp_path / "s", text_column="body")
    assert not (tmp_path / "s").exists()


def test_a_column_by_itself_is_no_table(tmp_path: Path, corpus: pa.Table, store: encore.Store) -> None:
    for column in (corpus["text"], corpus["text"].chunk(0), Frame(corpus["text"])):
        wanted = f"inputs: a {type(column).__name__} is a single column; give a table with ids and texts"
        with pytest.raises(encore.UsageError, match=wanted):
            encore.encode(column, store=tmp_path / "s")
        with pytest.raises(encore.UsageError, match=r"labels: .* is a single column; give a table with ids and labels"):
            encore.train(store, column, task="topic")
    with pytest.raises(encore.UsageError, match="labels: a dict is neither a file nor a table"):
        encore.train(store, {"d1": "even"}, task="topic")  # type: ignore[arg-type]


def test_ids_of_a_table_are_its_column_doc_id_or_its_only_one(store: encore.Store) -> None:
    ids = pa.table({"doc_id": ["d3", "d1"]})
    more = ids.append_column("label", pa.array(["odd", "odd"]))
    indexed = pa.table({"key": ids["doc_id"], "__index_level_0__": [4, 2]})
    wanted = store.vectors(["d3", "d1"])
    for given in (ids, more, indexed, ids.to_batches()[0], ids.to_struct_array().chunk(0), Frame(views(more))):
        assert [it.tolist() for it in store.vectors(given)] == [it.tolist() for it in wanted]
    assert len(store.vectors(Dataset(more))) == 2
    assert store.delete(more)["deleted"] == 2
    several = more.rename_columns(["key", "label"])
    for given in (several, Frame(several), Dataset(several)):
        with pytest.raises(encore.UsageError, match="ids: the table has the columns 'key', 'label'; give the column"):
            store.delete(given)
    assert len(store) == COUNT - 2


def test_workers_elsewhere_cannot_read_a_table_in_memory(tmp_path: Path, corpus: pa.Table) -> None:
    elsewhere = ("--runner=PortableRunner", "--job_endpoint=localhost:1")
    with pytest.raises(encore.UsageError, match="write it to a file that they can read"):
        encore.encode(corpus, store=tmp_path / "s", beam_options=elsewhere)


def test_the_file_of_a_table_goes_where_a_job_fails(corpus: pa.Table, no_traces: Path) -> None:
    def job() -> None:
        with corpus_files(corpus, ColumnSelection("doc_id", ("text",)), here=True) as files:
            assert pq.read_table(files[0]).column_names == ["doc_id", "text"]
            raise RuntimeError("no job")

    with pytest.raises(RuntimeError, match="no job"):
        job()
    assert list(no_traces.iterdir()) == []


def test_labels_are_tables_of_text_numbers_booleans_and_categories(store: encore.Store, labels: pa.Table) -> None:
    ids = labels["doc_id"]
    expected = {
        "even": ("even", "odd"),
        "number": ("0", "1"),
        "boolean": ("false", "true"),
        "category": ("even", "odd"),
    }
    given = {
        "even": views(labels)["label"],
        "number": pa.array([0, 1] * (COUNT // 2)),
        "boolean": pa.array([False, True] * (COUNT // 2)),
        "category": labels["label"].dictionary_encode(),
    }
    for name, column in given.items():
        head = encore.train(store, Frame(pa.table({"doc_id": ids, "label": column})), task=name, epochs=1)
        assert head.classes == expected[name]
    with pytest.raises(encore.UsageError, match="labels: no column topic"):
        encore.train(store, labels, task="topic", label_column="topic")
    with pytest.raises(encore.UsageError, match="dev: no column label"):
        encore.train(store, labels, task="topic", dev=labels.select(["doc_id"]))


def test_an_answer_is_a_table_for_others(store: encore.Store, labels: pa.Table, corpus: pa.Table) -> None:
    said = encore.predict(corpus, heads=encore.train(store, labels, task="topic", epochs=1))
    assert arrow_table(Frame(said.table), "x", "y").equals(said.table)
    assert pa.table(said).equals(said.table)
    assert duckdb.sql("select count(*) from said").fetchall() == [(COUNT,)]
    assert said.table["doc_id"].to_pylist() == corpus["doc_id"].to_pylist()


@pytest.mark.parametrize(
    ("limit", "text"), [(None, None), (25, "25"), (0.01, "0.01"), (1.0, "1.0"), (1e-05, "0.00001"), ("7", "7")]
)
def test_limits_are_counts_or_shares(limit: float | str | None, text: str | None) -> None:
    assert limit_text(limit) == text
