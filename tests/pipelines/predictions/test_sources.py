"""Predictions follow a compaction without scoring."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from encore.featurestore import Catalogue, Change, commit
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.storage.objects import Objects
from encore.heads import Scorer
from encore.pipelines.head_registry import head_copies
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.predictions.sources import SourceFile, compose
from tests.pipelines.backfill.trained_heads import answers, run_backfill, train
from tests.pipelines.jobs import run_encode, texts, write_corpus
from tests.templates import copied

COUNT = 60


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    run_encode(folder / "store", write_corpus(folder / "a.parquet", texts(COUNT)), unit_rows=20)
    store = Catalogue.open(str(folder / "store"))
    train(store, folder)
    run_backfill(store, folder, "parity")
    return folder


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Catalogue:
    """Three segments of twenty documents, scored by one head."""
    return Catalogue.open(str(copied(template, tmp_path) / "store"))


@pytest.fixture
def no_scoring(store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make scoring fail from now on; the store is scored before."""

    def refuse(*_: object) -> None:
        raise AssertionError("scored")

    monkeypatch.setattr(head_copies, "Scorer", refuse)


def newest(store: Catalogue) -> Catalogue:
    return Catalogue.open(store.uri)


def delete(store: Catalogue, *documents: str) -> Catalogue:
    found = store.keys.find(store.gather(documents).index["key_hash"])
    return commit(store, Change(store.version, "delete", dropped=store.locate(store.keys, found)))


def scored_alone(store: Catalogue, folder: Path) -> dict[str, tuple[str, float]]:
    """What a backfill into an empty folder gives."""
    (folder / "alone").mkdir()
    (folder / "alone" / "parity").symlink_to(folder / "parity")
    run_backfill(store, folder / "alone", "parity")
    return answers(folder / "alone", "parity")


def same(one: dict[str, tuple[str, float]], other: dict[str, tuple[str, float]]) -> bool:
    return one.keys() == other.keys() and all(
        one[name][0] == other[name][0] and np.isclose(one[name][1], other[name][1], atol=1e-6) for name in one
    )


@pytest.mark.usefixtures("no_scoring")
class TestWithoutScoring:
    def test_a_compaction_scores_nothing(self, store: Catalogue, tmp_path: Path) -> None:
        before = answers(tmp_path, "parity")
        compact(store)
        report = run_backfill(newest(store), tmp_path, "parity")
        assert report.exit_code == 0
        assert report.document["documents"] == {
            "stored": COUNT, "read": COUNT, "scored": 0, "carried": COUNT, "adopted": 0, "checked": 0,
        }  # fmt: skip
        assert answers(tmp_path, "parity") == before
        assert len(PredictionsFolder.open(str(tmp_path / "out")).files()) == 1
        assert run_backfill(newest(store), tmp_path, "parity").document["committed"] is False

    def test_documents_deleted_since_they_were_scored_are_left_out(self, store: Catalogue, tmp_path: Path) -> None:
        before = answers(tmp_path, "parity")
        gone = ("d3", "d4", "d25", "d59")
        compact(delete(store, *gone))
        assert run_backfill(newest(store), tmp_path, "parity").document["documents"]["carried"] == COUNT - 4
        assert answers(tmp_path, "parity") == {name: it for name, it in before.items() if name not in gone}

    def test_two_compactions_and_a_deletion_after_them(self, store: Catalogue, tmp_path: Path) -> None:
        before = answers(tmp_path, "parity")
        target = sum(sorted(entry.payload_bytes for entry in store.entries)[-2:]) + 1
        compact(store, target_bytes=target)
        assert len(newest(store).entries) == 2
        compact(newest(store))
        delete(newest(store), "d7")
        assert run_backfill(newest(store), tmp_path, "parity").document["documents"]["carried"] == COUNT - 1
        assert answers(tmp_path, "parity") == {name: it for name, it in before.items() if name != "d7"}

    def test_vacuumed_sources_are_not_needed_where_they_were_scored_as_they_were_compacted(
        self, store: Catalogue, tmp_path: Path
    ) -> None:
        before = answers(tmp_path, "parity")
        compact(delete(store, "d3"))
        vacuum(store.objects, age_limit=timedelta(0))
        assert run_backfill(newest(store), tmp_path, "parity").document["documents"]["scored"] == 0
        assert answers(tmp_path, "parity") == {name: it for name, it in before.items() if name != "d3"}


class TestWhatIsNotKnown:
    @pytest.mark.parametrize("known", [True, False])
    def test_a_changed_text_is_told_from_the_old_one_that_was_next_to_it(
        self, store: Catalogue, tmp_path: Path, known: bool
    ) -> None:
        """The last document changes, so that its new row follows its old one; the old file still has both."""
        folder = PredictionsFolder.open(str(tmp_path / "out"))
        old = {file.segment: folder.read_file(file) for file in folder.files()}
        last = store.documents()["doc_id"].to_pylist()[-1]
        run_encode(store.uri, write_corpus(tmp_path / "b.parquet", [{"doc_id": last, "text": "quite another text"}]))
        run_backfill(newest(store), tmp_path, "parity")
        before, entries = answers(tmp_path, "parity"), newest(store).entries
        files = {file.segment: file for file in folder.files()}
        compact(newest(store))
        after = newest(store)
        if not known:
            vacuum(store.objects, age_limit=timedelta(0))
        sources = []
        for entry in entries:
            path = f"old/{entry.segment}.parquet"
            folder.write_file(path, old.get(entry.segment, folder.read_file(files[entry.segment])))
            sources.append(SourceFile(path, entry.documents, entry.segment, entry.deletions, None))
        table = compose(after, folder, after.entries[0], sources)
        assert table is not None
        assert table["doc_id"].to_pylist() == after.documents()["doc_id"].to_pylist()
        row = table.slice(COUNT - 1).to_pylist()[0]
        assert (row["label"], row["score"]) == before[last]

    def test_what_was_not_scored_before_is_scored(self, store: Catalogue, tmp_path: Path) -> None:
        last = store.documents()["doc_id"].to_pylist()[-1]
        run_encode(store.uri, write_corpus(tmp_path / "b.parquet", [{"doc_id": last, "text": "quite another text"}]))
        compact(newest(store))
        report = run_backfill(newest(store), tmp_path, "parity")
        assert (report.document["documents"]["scored"], report.document["documents"]["carried"]) == (COUNT, 0)
        assert same(answers(tmp_path, "parity"), scored_alone(newest(store), tmp_path))

    def test_where_nobody_can_tell_what_was_copied_it_is_scored(self, store: Catalogue, tmp_path: Path) -> None:
        """Two sources lost documents after they were scored, and their records and vectors are gone."""
        compact(delete(store, "d3", "d25"))
        vacuum(store.objects, age_limit=timedelta(0))
        report = run_backfill(newest(store), tmp_path, "parity")
        assert report.document["documents"]["scored"] == COUNT - 2
        assert same(answers(tmp_path, "parity"), scored_alone(newest(store), tmp_path))

    def test_each_head_carries_what_it_has(
        self, store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        train(store, tmp_path, "second", seeds=(5,))
        compact(store)
        scored: list[str] = []

        def spy(heads: list[object], *words: object) -> Scorer:
            scored.extend(head.task for head in heads)  # type: ignore[attr-defined]
            return Scorer(heads, *words)  # type: ignore[arg-type]

        monkeypatch.setattr(head_copies, "Scorer", spy)
        documents = run_backfill(newest(store), tmp_path, "parity", "second").document["documents"]
        assert (documents["scored"], documents["carried"], scored) == (COUNT, COUNT, ["second"])

    def test_records_are_read_only_where_a_scored_segment_has_left_the_store(
        self, store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_encode(store.uri, write_corpus(tmp_path / "b.parquet", texts(10, start=COUNT)))
        monkeypatch.setattr("encore.pipelines.predictions.sources.read_record", None)
        assert run_backfill(newest(store), tmp_path, "parity").document["documents"]["scored"] == 10

    def test_a_damaged_record_fails_its_own_segment(self, store: Catalogue, tmp_path: Path) -> None:
        compact(store)
        (merged,) = newest(store).entries
        Objects.open(store.uri).put(f"segments/{merged.segment}.json", b"{}")
        report = run_backfill(newest(store), tmp_path, "parity")
        assert report.exit_code == 1
        assert merged.segment in report.document["failures"]["0"]["reason"]
