"""What is listed after jobs that meet: nothing that is gone, nothing twice, and nothing older than what was there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from encore.featurestore import Catalogue, Change, StoreError, commit
from encore.featurestore.history.versions import VersionLog
from encore.featurestore.rewriting.compaction import compact
from encore.pipelines.predictions import JobWork, PredictionFile, PredictionsFolder, presence
from encore.pipelines.predictions.publication import changes
from encore.pipelines.removal.orphans import find_orphans, remove_orphans
from encore.pipelines.runs import job_run
from tests.featurestore.building import put
from tests.pipelines.predictions.building import Folder, texts
from tests.templates import copied

SOON = datetime.now(UTC) + timedelta(days=365)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Folder.build(tmp_path_factory.mktemp("template"))
    folder.backfill()
    return folder.root


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Folder:
    return Folder(copied(template, tmp_path))


def then(patch: pytest.MonkeyPatch, where: str, event: Callable[[], object]) -> None:
    """Run an event once: between a backfill's plan and its graph (``run_to_end``), or after the graph."""
    real = job_run.run_to_end

    def running(*words: object) -> object:
        patch.setattr(job_run, "run_to_end", real)
        if where == "before the graph":
            event()
        done = real(*words)  # type: ignore[arg-type]
        if where == "before it publishes":
            event()
        return done

    patch.setattr(job_run, "run_to_end", running)


def grow(folder: Folder) -> None:
    put(folder.store, texts("c", 3))


def hide(folder: Folder) -> None:
    store = folder.store
    commit(store, Change(store.version, "delete", dropped={store.entries[1].segment: np.array([2])}))


def sweep(folder: Folder) -> None:
    """A vacuum without an age limit: what is unlisted goes."""
    remove_orphans(folder.predictions, find_orphans(folder.predictions, SOON), "vacuum")


def test_adopted_files_of_another_stay_when_an_older_backfill_publishes(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B2 is planned, B1 publishes, B2 adopts B1's files, C publishes from an older snapshot, a vacuum, B2 publishes."""
    older = folder.store.version
    grow(folder)
    unlisted_by_b1: list[PredictionFile] = []

    def b1_and_c() -> None:
        folder.backfill()
        unlisted_by_b1.extend(file for file in folder.files if file.snapshot > older)
        folder.backfill(snapshot=older)

    # B1 ended before it could list them once, so that B2 finds them when it is planned.
    with monkeypatch.context() as patch:
        patch.setattr(PredictionsFolder, "publish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            folder.backfill()
    then(monkeypatch, "before it publishes", b1_and_c)
    report = folder.backfill()
    assert report.document["documents"]["adopted"] == 3
    assert unlisted_by_b1
    sweep(folder)
    assert report.document["failures"] == {}
    assert len(folder.answers()) == 16
    assert {file.path for file in folder.files} == folder.there()
    assert folder.counts() == {}


@pytest.mark.parametrize("one_by_one", [0, 100])
def test_what_is_gone_when_it_is_to_be_listed_fails_its_segment_and_the_same_command_completes(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, one_by_one: int
) -> None:
    monkeypatch.setattr(presence, "ASKED_ONE_BY_ONE", one_by_one)
    grow(folder)
    put(folder.store, texts("d", 4))
    made = set(folder.there())

    def lose_one() -> None:
        segment = folder.store.entries[2].segment
        [path] = [path for path in folder.there() - made if segment in path]
        (folder.root / "out" / path).unlink()

    then(monkeypatch, "before it publishes", lose_one)
    report = folder.backfill()
    assert report.exit_code == 1
    assert report.document["failures"] == {
        "0": {
            "stage": "publish",
            "reason": "a prediction file that was to be listed is gone, or of another size; run again",
        }
    }
    assert len(folder.answers()) == 17
    assert folder.counts() == {"scored": 3}


def test_a_file_of_another_size_is_not_listed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(folder)
    made = set(folder.there())
    then(
        monkeypatch,
        "before it publishes",
        lambda: [(folder.root / "out" / path).write_bytes(b"") for path in folder.there() - made],
    )
    assert folder.backfill().document["failures"].keys() == {"0"}
    assert folder.counts() == {"scored": 3}


def test_what_a_vacuum_takes_between_the_look_and_the_publication_is_not_listed(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vacuum's fence has the number that the publication wanted, so that the publication looks once more."""
    grow(folder)
    publish, swept = VersionLog.publish, []

    def late(self: VersionLog, *words: object) -> object:
        if words[1] == "backfill" and not swept:
            swept.append(1)
            sweep(folder)
        return publish(self, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(VersionLog, "publish", late)
    report = folder.backfill()
    assert report.document["failures"].keys() == {"0"}
    assert {file.path for file in folder.files} == folder.there()
    assert folder.counts() == {"scored": 3}


def test_what_is_published_before_a_vacuum_has_its_fence_is_put_back(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(folder)
    before = folder.there()
    published: list[object] = []

    def sweeping() -> None:
        publish = VersionLog.publish

        def slow(self: VersionLog, *words: object) -> object:
            # The files are removed by now; the backfill had seen them before.
            if words[1] == "vacuum" and not published:
                assert folder.there() == before
                files, listed = list(made), folder.files
                live = [entry.segment for entry in folder.store.entries]
                monkeypatch.setattr("encore.pipelines.predictions.presence.lost_files", lambda *_: [])
                work = JobWork([files[0].head], folder.store.version, live, files, listed, lambda: live)
                published.append(folder.predictions.publish(work))
            return publish(self, *words)  # type: ignore[arg-type]

        monkeypatch.setattr(VersionLog, "publish", slow)
        sweep(folder)

    made: list[PredictionFile] = []
    with monkeypatch.context() as patch:
        patch.setattr(PredictionsFolder, "publish", lambda _, work: made.extend(work.made) or 1 / 0)
        with pytest.raises(ZeroDivisionError):
            folder.backfill()
    sweeping()
    assert published
    assert {file.path for file in folder.files} == folder.there()
    assert len(folder.answers()) == 16


@pytest.mark.parametrize(
    "change", [grow, hide, lambda folder: compact(folder.store)], ids=["grown", "less", "compacted"]
)
def test_a_backfill_of_an_older_snapshot_takes_nothing_from_a_newer_one_that_was_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Folder], object]
) -> None:
    folder = Folder.build(tmp_path)
    newer: list[list[PredictionFile]] = []

    def overtake() -> None:
        change(folder)
        folder.backfill()
        newer.append(folder.files)

    then(monkeypatch, "before the graph", overtake)
    folder.backfill()
    assert folder.files == newer[0]
    assert folder.answers().keys() == set(folder.store.documents()["doc_id"].to_pylist())
    assert folder.counts() == {}


def test_an_older_snapshot_that_is_asked_for_is_what_the_folder_then_shows(folder: Folder) -> None:
    older = folder.store.version
    grow(folder)
    hide(folder)
    folder.backfill()
    assert len(folder.answers()) == 15
    assert folder.backfill(snapshot=older).exit_code == 0
    assert len(folder.answers()) == 13
    # The newer ones are still there, unlisted.
    assert folder.counts() == {"adopted": 7}


def test_a_newer_snapshot_that_was_published_before_the_plan_is_seen_to_be_newer(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is opened, it grows, another backfill publishes, and only then are the files looked at."""
    files = PredictionsFolder.files

    def late(self: PredictionsFolder, *words: object) -> list[PredictionFile]:
        monkeypatch.setattr(PredictionsFolder, "files", files)
        grow(folder)
        folder.backfill()
        return files(self, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(PredictionsFolder, "files", late)
    folder.backfill()
    assert len(folder.answers()) == 16


def test_superseded_files_stay_until_a_vacuum(folder: Folder) -> None:
    before = folder.there()
    hide(folder)
    folder.backfill()
    assert before < folder.there()
    assert len(folder.answers()) == 12
    sweep(folder)
    assert {file.path for file in folder.files} == folder.there()


HEAD = "tone@0123456789ab"
ROW = PredictionFile(HEAD, "a" * 32, None, f"head={HEAD}/{'a' * 32}-all-{'0' * 16}.parquet", 1, 1, 5, "f")


def work(*made: PredictionFile, planned_on: tuple[PredictionFile, ...] = (), newest: str = "ab") -> JobWork:
    """Of snapshot 5, which has the segments a and b."""
    return JobWork([HEAD], 5, ["a" * 32, "b" * 32], made, planned_on, lambda: [letter * 32 for letter in newest])


def of(letter: str, snapshot: int = 5, name: str = "0") -> PredictionFile:
    path = f"head={HEAD}/{letter * 32}-all-{name * 16}.parquet"
    return replace(ROW, segment=letter * 32, snapshot=snapshot, path=path)


def test_without_others_a_snapshot_is_listed_as_it_is() -> None:
    listed = (of("a"), of("c"))
    assert changes(work(of("b"), planned_on=listed), listed) == ([of("b")], [of("c")])
    assert changes(work(of("b"), planned_on=listed, newest="c"), listed) == ([of("b")], [of("c")])


def test_another_heads_rows_are_nobody_elses() -> None:
    other = replace(of("c"), head="mood@0123456789ab")
    assert changes(work(of("b")), (other,)) == ([of("b")], [])


@pytest.mark.parametrize("snapshot", [5, 6])
def test_a_row_of_as_new_a_snapshot_that_came_meanwhile_stays(snapshot: int) -> None:
    assert changes(work(of("a", name="1")), (of("a", snapshot),)) == ([], [])


def test_a_row_of_an_older_snapshot_that_came_meanwhile_is_replaced() -> None:
    assert changes(work(of("a", name="1")), (of("a", 4),)) == ([of("a", name="1")], [])


def test_a_lost_file_is_replaced_though_another_has_published_elsewhere() -> None:
    mine = of("a", name="1")
    assert changes(work(mine, planned_on=(of("a"),)), (of("a"), of("b", 6))) == ([mine], [])


def test_beside_others_no_segment_is_added_or_dropped_that_only_one_snapshot_lacks() -> None:
    listed = (of("c", 4), of("e", 4))
    work_of = work(of("b"), planned_on=listed, newest="acd")
    # The store may have had the segment f in between.
    meanwhile = (of("d", 6), of("f", 6))
    assert changes(work_of, (*listed, *meanwhile)) == ([], [of("e", 4)])


def test_a_damaged_list_is_named_and_nothing_is_published(folder: Folder) -> None:
    grow(folder)
    [path] = (folder.root / "out" / "lists").iterdir()
    path.write_bytes(b"")
    with pytest.raises(StoreError, match=path.name):
        folder.backfill()
    assert Catalogue.open(folder.store.uri).version == folder.store.version
