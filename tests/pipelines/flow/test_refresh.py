"""Kept columns that change while the text does not: they reach the store, and the encoder is not asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.featurestore import Catalogue
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage import Objects
from encore.featurestore.verification.store import verify
from encore.pipelines.corpus import CorpusColumns
from encore.pipelines.dead_letters import DeadLetterLimit
from encore.pipelines.encoding import handler
from encore.pipelines.ingestion import job
from encore.pipelines.ingestion.derivation import DeriveRequest, derive
from encore.pipelines.removal.forget import forget
from encore.pipelines.runs.report import JobReport
from tests.pipelines.jobs import ONE_WORKER, documents, run_encode, texts, write_corpus
from tests.raw_bytes import all_files, traces
from tests.templates import copied

TAG = CorpusColumns(keep=("tag",))


class Corpus:
    """One file of documents with a column beside their texts, and a store that is to follow it."""

    def __init__(self, folder: Path, count: int = 20) -> None:
        self.folder, self.uri = folder, folder / "store"
        self.rows: list[dict[str, Any]] = [{**row, "tag": f"old {row['doc_id']}"} for row in texts(count)]

    def change(self, *doc_ids: str, **columns: object) -> None:
        """New values of columns of some documents."""
        for row in self.rows:
            if row["doc_id"] in doc_ids:
                row.update(columns)

    def encode(self, columns: CorpusColumns = TAG, **request: Any) -> JobReport:
        """Run the job; nothing that it leaves may be damaged."""
        path = write_corpus(self.folder / "corpus" / "a.parquet", self.rows)
        report = run_encode(self.uri, path, columns=columns, unit_rows=request.pop("unit_rows", 8), **request)
        assert verify(Objects.open(str(self.uri)), deep=True).findings == ()
        assert not report.document["failures"]
        counts = documents(report)
        ways = ("encoded", "adopted", "refreshed", "skipped", "blocked", "dead")
        assert counts["in"] == sum(counts[way] for way in ways)
        return report

    @property
    def store(self) -> Catalogue:
        return Catalogue.open(str(self.uri))

    def expected(self, *names: str) -> list[Mapping[str, Any]]:
        return [{name: row.get(name) for name in ("doc_id", *names)} for row in self.rows]

    def holds(self, *names: str) -> bool:
        """Whether the store has the corpus's columns, each document once."""
        return sorted_rows(self.store, *names) == sorted(self.expected(*names), key=lambda row: row["doc_id"])


def sorted_rows(store: Catalogue, *names: str) -> Sequence[Mapping[str, Any]]:
    return sorted(store.documents(["doc_id", *names]).to_pylist(), key=lambda row: row["doc_id"])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Corpus(tmp_path_factory.mktemp("template"))
    made.encode()
    return made.folder


@pytest.fixture
def corpus(template: Path, tmp_path: Path) -> Corpus:
    return Corpus(copied(template, tmp_path))


def refuse(*_: object) -> None:
    raise AssertionError("the encoder was asked")


@pytest.fixture
def no_encoder(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nothing may be encoded: a document that is encoded makes its unit fail."""
    monkeypatch.setattr(handler, "encode_unit", refuse)


@pytest.mark.usefixtures("no_encoder")
def test_a_column_that_changes_without_its_text_reaches_the_store_and_is_not_encoded(corpus: Corpus) -> None:
    before = corpus.store
    corpus.change("d3", "d4", "d19", tag="new")
    report = corpus.encode()
    counts = documents(report)
    assert (counts["refreshed"], counts["skipped"], counts["encoded"], counts["superseded"]) == (3, 17, 0, 0)
    assert corpus.holds("tag")
    assert len(corpus.store) == 20
    assert corpus.store.digest() == before.digest()
    assert report.document["tokens"] == 0
    again = corpus.encode()
    assert (documents(again)["skipped"], again.document["committed"]) == (20, False)


@pytest.mark.usefixtures("no_encoder")
def test_what_an_index_says_of_a_document_beside_its_columns_stays(corpus: Corpus) -> None:
    own = ["doc_id", "key_hash", "text_digest", "n_tokens", "truncated", "n_first_tokens"]
    before = corpus.store.documents(own).sort_by("doc_id")
    corpus.change(*(row["doc_id"] for row in corpus.rows), tag=None)
    assert documents(corpus.encode())["refreshed"] == 20
    assert corpus.store.documents(own).sort_by("doc_id").equals(before)


def test_new_texts_and_new_columns_of_one_unit_are_told_apart(corpus: Corpus) -> None:
    corpus.change("d1", tag="new")
    corpus.change("d2", tag="new", text="another text")
    corpus.rows += [{**row, "tag": "fresh"} for row in texts(2, start=20)]
    counts = documents(corpus.encode())
    assert (counts["refreshed"], counts["encoded"], counts["superseded"], counts["skipped"]) == (1, 3, 1, 18)
    assert corpus.holds("tag")
    fresh = run_encode(corpus.folder / "fresh", str(corpus.folder / "corpus"), columns=TAG)
    assert fresh.exit_code == 0
    assert corpus.store.digest() == Catalogue.open(str(corpus.folder / "fresh")).digest()


@pytest.mark.usefixtures("no_encoder")
def test_a_column_that_changes_and_changes_back_is_followed_night_after_night(corpus: Corpus) -> None:
    for tag in ("new", "old d5", "new", "newer", "new"):
        corpus.change("d5", tag=tag)
        assert documents(corpus.encode())["refreshed"] == 1
        assert corpus.holds("tag")
    compact(corpus.store)
    assert len(corpus.store.entries) == 1
    assert corpus.holds("tag")
    assert documents(corpus.encode())["refreshed"] == 0


@pytest.mark.usefixtures("no_encoder")
def test_a_column_that_is_asked_for_later_is_filled_and_one_that_is_dropped_stays_as_it_was(corpus: Corpus) -> None:
    for row in corpus.rows:
        row["year"] = None if row["doc_id"] == "d0" else 2020
    both = CorpusColumns(keep=("tag", "year"))
    assert documents(corpus.encode(both))["refreshed"] == 19
    assert corpus.holds("tag", "year")
    corpus.change("d7", year=2021, tag="nobody asks")
    assert documents(corpus.encode(CorpusColumns(keep=("year",))))["refreshed"] == 1
    corpus.change("d7", tag="old d7")
    assert corpus.holds("tag", "year")
    corpus.change("d8", tag="nobody asks")
    assert documents(corpus.encode(CorpusColumns()))["refreshed"] == 0


VALUES = {
    "integers of two widths": (pa.array([7], pa.int32()), pa.array([7], pa.int64()), False),
    "an integer and its text": (pa.array([7]), pa.array(["7"]), False),
    "another integer": (pa.array([7]), pa.array([8]), True),
    "floats of two widths": (
        pa.array([0.1], pa.float32()),
        pa.array([float(pa.scalar(0.1, pa.float32()).as_py())]),
        False,
    ),
    "nan": (pa.array([math.nan]), pa.array([math.nan]), False),
    "a null": (pa.array(["a"]), pa.nulls(1, pa.string()), True),
    "a value for a null": (pa.nulls(1), pa.array(["a"]), True),
    "nulls": (pa.nulls(1), pa.nulls(1, pa.int8()), False),
    "an empty text for a null": (pa.nulls(1, pa.string()), pa.array([""]), True),
    "equal lists": (pa.array([["a", None]]), pa.array([["a", None]]), False),
    "another list": (pa.array([["a", None]]), pa.array([["a"]]), True),
    "structs": (pa.array([{"a": 1, "b": [math.nan]}]), pa.array([{"a": 1, "b": [math.nan]}]), False),
    "a map": (
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        pa.array([[("a", 2)]], pa.map_(pa.string(), pa.int64())),
        True,
    ),
    "nanoseconds": (pa.array([1], pa.timestamp("ns")), pa.array([2], pa.timestamp("ns")), True),
    "one moment in two zones": (
        pa.array([1], pa.timestamp("us", "UTC")),
        pa.array([1], pa.timestamp("us", "Europe/Paris")),
        False,
    ),
    "decimals of two scales": (pa.array([Decimal("1.1")]), pa.array([Decimal("1.10")]), False),
    "dictionaries": (pa.array(["a"]).dictionary_encode(), pa.array(["a"]), False),
    "bytes": (pa.array([b"\xff"]), pa.array([b"\xfe"]), True),
}


@pytest.mark.parametrize(("one", "other", "refreshed"), VALUES.values(), ids=VALUES)
def test_values_are_compared_whatever_their_types(
    tmp_path: Path, one: pa.Array, other: pa.Array, refreshed: bool
) -> None:
    path, store = tmp_path / "a.parquet", tmp_path / "store"
    counts = []
    for values in (one, other, other):
        pq.write_table(pa.table({"doc_id": ["a"], "text": ["a text"], "tag": values}), path)
        found = documents(run_encode(store, str(path), columns=TAG))
        counts.append((found["encoded"], found["refreshed"], found["skipped"]))
    assert counts == [(1, 0, 0), (0, int(refreshed), int(not refreshed)), (0, 0, 1)]


def test_a_run_that_is_stopped_before_its_commit_is_found_by_the_next(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.change("d1", "d2", "d12", tag="new")
    with monkeypatch.context() as patch:
        patch.setattr(job, "commit", stopped)
        with pytest.raises(KeyboardInterrupt):
            corpus.encode()
    assert not corpus.holds("tag")
    finished = sorted((corpus.uri / "segments").glob("*.json"))
    assert documents(corpus.encode())["refreshed"] == 3
    assert corpus.holds("tag")
    assert sorted((corpus.uri / "segments").glob("*.json")) == finished


def stopped(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_run_that_is_stopped_and_whose_columns_change_before_the_next_stores_them_as_they_are_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus(tmp_path)
    corpus.change("d9", text="")
    with monkeypatch.context() as patch:
        patch.setattr(job, "commit", stopped)
        with pytest.raises(KeyboardInterrupt):
            corpus.encode(limit=DeadLetterLimit.parse("1"))
    corpus.change("d1", "d2", "d12", tag="new")
    with monkeypatch.context() as patch:
        patch.setattr(handler, "encode_unit", refuse)
        report = corpus.encode(limit=DeadLetterLimit.parse("1"))
    counts = documents(report)
    assert (counts["adopted"], counts["encoded"], counts["refreshed"], counts["dead"]) == (19, 0, 0, 1)
    corpus.rows = [row for row in corpus.rows if row["doc_id"] != "d9"]
    assert corpus.holds("tag")
    assert documents(corpus.encode())["skipped"] == 19


def test_a_segment_that_an_earlier_run_finished_keeps_what_its_encoder_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus(tmp_path)
    corpus.change("d9", text="\u200b")
    corpus.encode(limit=DeadLetterLimit.parse("0"))
    assert len(corpus.store) == 0
    corpus.change("d8", "d10", tag="new")
    monkeypatch.setattr(handler, "encode_unit", refuse)
    report = corpus.encode(limit=DeadLetterLimit.parse("1"))
    assert (documents(report)["adopted"], documents(report)["dead"]) == (19, 1)
    assert list(report.document["dead_letters"]["reasons"].values()) == [1]
    corpus.rows = [row for row in corpus.rows if row["doc_id"] != "d9"]
    assert corpus.holds("tag")


@pytest.mark.usefixtures("no_encoder")
def test_of_an_id_that_comes_twice_the_first_row_gives_the_columns(corpus: Corpus) -> None:
    corpus.rows.append({**corpus.rows[3], "tag": "of a double"})
    report = corpus.encode(limit=DeadLetterLimit.parse("1"))
    assert (documents(report)["refreshed"], documents(report)["dead"]) == (0, 1)


@pytest.mark.usefixtures("no_encoder")
def test_pruning_in_the_same_run_takes_what_has_left_and_nothing_that_was_refreshed(corpus: Corpus) -> None:
    corpus.change("d3", tag="new")
    corpus.rows = corpus.rows[:19]
    report = corpus.encode(prune=True)
    assert (documents(report)["refreshed"], report.document["pruned"]) == (1, 1)
    assert corpus.holds("tag")


@pytest.mark.usefixtures("no_encoder")
def test_a_blocked_document_is_not_refreshed(corpus: Corpus) -> None:
    delete(corpus.store, ["d3"], block=True)
    corpus.change("d3", "d5", tag="new")
    counts = documents(corpus.encode())
    assert (counts["refreshed"], counts["blocked"]) == (1, 1)
    corpus.rows = [row for row in corpus.rows if row["doc_id"] != "d3"]
    assert corpus.holds("tag")


@pytest.mark.usefixtures("no_encoder")
def test_after_forgetting_no_byte_holds_the_columns_that_were_there_before(corpus: Corpus) -> None:
    corpus.change("d3", "d5", tag="new")
    corpus.encode()
    delete(corpus.store, ["d5"])
    old = {name: f"old {name}".encode() for name in ("d3", "d5")}
    assert traces(all_files(corpus.store.objects), old)
    forget(corpus.store, age_limit=timedelta(0))
    assert not traces(all_files(corpus.store.objects), old)
    corpus.rows = [row for row in corpus.rows if row["doc_id"] != "d5"]
    assert corpus.holds("tag")


@pytest.mark.usefixtures("no_encoder")
def test_rows_that_a_compaction_moved_while_the_job_ran_are_refreshed_where_they_lie(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.change("d3", "d15", tag="new")
    publish = job.commit

    def after_a_compaction(store: Catalogue, change: Any) -> Catalogue:
        compact(corpus.store)
        delete(corpus.store, ["d15"])
        return publish(store, change)

    monkeypatch.setattr(job, "commit", after_a_compaction)
    corpus.encode()
    # A deletion is not undone by a row that was only copied.
    corpus.rows = [row for row in corpus.rows if row["doc_id"] != "d15"]
    assert corpus.holds("tag")


def test_two_runs_at_once_leave_each_document_once_and_a_new_text_stays(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.change("d3", "d4", "d5", tag="new")
    other = Corpus(corpus.folder)
    other.uri, other.rows = corpus.uri, [dict(row) for row in corpus.rows]
    other.change("d4", text="another text")
    publish = job.commit

    def after_the_other(store: Catalogue, change: Any) -> Catalogue:
        with monkeypatch.context() as patch:
            patch.setattr(job, "commit", publish)
            other.encode(unit_rows=5)
        return publish(store, change)

    monkeypatch.setattr(job, "commit", after_the_other)
    corpus.encode()
    assert other.holds("tag")
    assert len(corpus.store) == 20


def test_a_derived_store_follows_the_columns_of_its_source(corpus: Corpus) -> None:
    poorer = corpus.folder / "poorer"

    def run() -> JobReport:
        asked = DeriveRequest(str(corpus.uri), str(poorer), positions="cls")
        return derive(asked, beam_options=ONE_WORKER)

    run()
    before = Catalogue.open(str(poorer)).digest()
    corpus.change("d3", "d4", tag="new")
    corpus.encode()
    report = run()
    assert (documents(report)["refreshed"], documents(report)["skipped"], documents(report)["encoded"]) == (2, 18, 0)
    assert sorted_rows(Catalogue.open(str(poorer)), "tag") == sorted_rows(corpus.store, "tag")
    assert Catalogue.open(str(poorer)).digest() == before
    assert verify(Objects.open(str(poorer)), deep=True).findings == ()
