"""A vacuum of a predictions folder removes what nothing lists, by age, and nothing that a backfill may list."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from encore.cli.main import run
from encore.featurestore import Change, StoreError, UsageError, commit
from encore.featurestore.history.versions import Manifest, VersionLog
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.storage.objects import Objects
from encore.pipelines.predictions import JobWork, PredictionsFolder
from encore.pipelines.removal import orphans, vacuum
from encore.pipelines.removal.orphans import find_orphans, remove_orphans
from encore.pipelines.removal.vacuum import vacuum_folder
from tests.featurestore.building import put
from tests.pipelines.predictions.building import Folder, texts
from tests.templates import copied

NOW = timedelta(0)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions; the last has one file, and the other three are not listed any more."""
    folder = Folder.build(tmp_path_factory.mktemp("template"))
    folder.backfill()
    store = folder.store
    commit(store, Change(store.version, "delete", dropped={store.entries[1].segment: np.array([2])}))
    folder.backfill()
    compact(folder.store)
    folder.backfill()
    return folder.root


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Folder:
    return Folder(copied(template, tmp_path))


def age(folder: Folder, days: float, *paths: str) -> None:
    """Make files this many days old: the given ones, or all of the folder."""
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    for path in [folder.root / "out" / path for path in paths] or (folder.root / "out").rglob("*"):
        os.utime(path, (then, then))


def everything(folder: Folder) -> dict[str, bytes]:
    root = folder.root / "out"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_nothing_lists_goes_and_what_is_listed_stays(folder: Folder) -> None:
    before, files = folder.answers(), folder.files
    assert len(folder.there()) == 4
    done = vacuum_folder(folder.predictions, age_limit=NOW)
    assert (len(done.files), len(done.manifests), len(done.lists)) == (3, 2, 2)
    assert folder.there() == {file.path for file in files}
    assert (folder.answers(), folder.files) == (before, files)
    assert folder.counts() == {}
    put(folder.store, texts("c", 3))
    assert folder.counts() == {"scored": 3}


def test_a_second_vacuum_finds_only_what_the_first_has_added(folder: Folder) -> None:
    vacuum_folder(folder.predictions, age_limit=NOW)
    again = vacuum_folder(folder.predictions, age_limit=NOW)
    assert (again.files, again.lists) == ([], [])
    assert vacuum_folder(folder.predictions, age_limit=NOW).removed == {
        "prediction files": [], "manifests": [], "lists": [],
    }  # fmt: skip


def test_nothing_that_is_young_goes(folder: Folder) -> None:
    before = everything(folder)
    done = vacuum_folder(folder.predictions)
    assert not any(done.removed.values())
    assert everything(folder) == before


def test_old_files_go_and_young_ones_stay(folder: Folder) -> None:
    listed = {file.path for file in folder.files}
    [old, *young] = sorted(folder.there() - listed)
    age(folder, 8, old, *listed)
    done = vacuum_folder(folder.predictions)
    assert [it.path for it in done.files] == [old]
    assert folder.there() == listed | set(young)


def test_a_version_that_was_the_newest_within_the_limit_stays(folder: Folder) -> None:
    age(folder, 8)
    newest = f"manifests/{3:020d}.json"
    age(folder, 0, newest)
    done = vacuum_folder(folder.predictions)
    # The second version was the newest until just now, so that it stays.
    assert [it.path for it in done.manifests] == [f"manifests/{1:020d}.json"]


def test_a_number_that_was_removed_is_never_used_again(folder: Folder) -> None:
    log = folder.predictions.log
    sleeping = log.at(1)
    vacuum_folder(folder.predictions, age_limit=NOW)
    assert log.publish(sleeping, "backfill", {}, log.schema.empty_table()) is None


def test_heads_and_reports_stay(folder: Folder) -> None:
    kept = {path for path in everything(folder) if path.startswith(("heads/", "runs/", "predictions.json"))}
    assert len(kept) > 4
    age(folder, 100)
    vacuum_folder(folder.predictions)
    assert kept <= everything(folder).keys()


def test_what_is_no_file_of_ours_stays(folder: Folder) -> None:
    strangers = {"head=x/notes.parquet", "notes.txt", f"head={folder.files[0].head}/thesis.parquet"}
    for path in strangers:
        folder.predictions.objects.put(path, b"mine")
    age(folder, 100)
    vacuum_folder(folder.predictions)
    assert strangers <= everything(folder).keys()


def test_unfinished_files_of_killed_writers_go(folder: Folder) -> None:
    [file] = folder.files
    unfinished = folder.root / "out" / f"{file.path}#1"
    unfinished.write_bytes(b"half")
    age(folder, 8, f"{file.path}#1")
    assert vacuum_folder(folder.predictions).staged == [unfinished]
    assert not unfinished.exists()


def test_a_dry_run_changes_nothing(folder: Folder) -> None:
    before = everything(folder)
    planned = vacuum_folder(folder.predictions, age_limit=NOW, dry_run=True)
    assert everything(folder) == before
    assert vacuum_folder(folder.predictions, age_limit=NOW).removed == planned.removed


def test_where_the_newest_version_cannot_be_read_nothing_goes(folder: Folder) -> None:
    [part] = folder.predictions.log.latest().lists
    (folder.root / "out" / "lists" / f"{part.digest}.parquet").write_bytes(b"")
    before = everything(folder)
    with pytest.raises(StoreError, match=part.digest):
        vacuum_folder(folder.predictions, age_limit=NOW)
    assert everything(folder) == before


def test_what_went_comes_back_where_it_cannot_be_told_who_needs_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed = find_orphans(folder.predictions, datetime.now(UTC) + timedelta(days=1))
    before = everything(folder)
    monkeypatch.setattr(orphans, "publish_fence", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        remove_orphans(folder.predictions, doomed, "vacuum")
    assert everything(folder) == before


def test_files_are_removed_a_batch_at_a_time(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "BATCH_BYTES", 1)
    version = folder.predictions.log.latest().version
    assert len(vacuum_folder(folder.predictions, age_limit=NOW).files) == 3
    # One fence a file, and one for the lists.
    assert folder.predictions.log.latest().version == version + 4
    assert folder.there() == {file.path for file in folder.files}


def test_two_vacuums_at_once_remove_each_file_and_nothing_else(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    real, done = orphans.publish_fence, []

    def meeting(predictions: PredictionsFolder, operation: str) -> None:
        if not done:
            done.append(1)
            vacuum_folder(folder.predictions, age_limit=NOW)
        real(predictions, operation)

    monkeypatch.setattr(orphans, "publish_fence", meeting)
    answers = folder.answers()
    vacuum_folder(folder.predictions, age_limit=NOW)
    assert folder.there() == {file.path for file in folder.files}
    assert folder.answers() == answers


def test_the_list_of_a_job_that_publishes_beside_a_vacuum_stays(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job has written its list and not its manifest when the vacuum lists what is there."""
    vacuum_folder(folder.predictions, age_limit=NOW)
    create, fence, created = VersionLog._create, orphans.publish_fence, []

    def slow(self: VersionLog, manifest: Manifest) -> bool:
        def faster(predictions: PredictionsFolder, operation: str) -> None:
            created.append(create(self, manifest))
            fence(predictions, operation)

        monkeypatch.setattr(VersionLog, "_create", create)
        monkeypatch.setattr(vacuum, "publish_fence", faster)
        vacuum_folder(folder.predictions, age_limit=NOW)
        return created[0]

    monkeypatch.setattr(VersionLog, "_create", slow)
    [file] = folder.files
    done = folder.predictions.publish(JobWork([file.head], 9, [], [], [file], list))
    assert (created, done.manifest.counts["files"]) == ([True], 0)
    assert folder.files == []


def test_a_limit_below_nothing_is_wrong_usage(folder: Folder) -> None:
    with pytest.raises(UsageError, match="the age limit is negative"):
        vacuum_folder(folder.predictions, age_limit=timedelta(days=-1))


class TestCommand:
    def test_it_says_what_went_from_the_store_and_from_the_folder(
        self, folder: Folder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["vacuum", "--store", folder.store.uri, "--predictions", str(folder.root / "out"), "--older-than", "0"]
        assert run([*words, "--dry-run"]) == 0
        planned = capsys.readouterr().out
        assert f"predictions   {folder.root}/out\nwould remove  3 prediction files, " in planned
        assert f"{folder.root}/out/head=" in planned
        assert run([*words, "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["predictions"][0]["removed"]["prediction files"]["objects"] == 3
        assert run([*words]) == 0
        assert "removed" in capsys.readouterr().out
        assert len(folder.answers()) == 12

    def test_without_a_folder_nothing_is_said_of_one(self, folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["vacuum", "--store", folder.store.uri, "--json"]) == 0
        assert "predictions" not in json.loads(capsys.readouterr().out)

    def test_another_stores_folder_is_refused_before_anything_goes(
        self, folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "other").mkdir()
        other = Folder.build(tmp_path / "other")
        before = set(Objects.open(other.store.uri).walk())
        words = ["--predictions", str(folder.root / "out"), "--older-than", "0"]
        assert run(["vacuum", "--store", other.store.uri, *words]) == 2
        assert "predictions for another store" in capsys.readouterr().err
        assert set(Objects.open(other.store.uri).walk()) == before
