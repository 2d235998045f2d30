from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from encore.featurestore import StoreError
from encore.featurestore.storage import Objects
from encore.pipelines.runs import RunFolder, list_runs
from encore.pipelines.runs.run_list import SILENCE
from tests.pipelines.jobs import run_encode, texts, write_corpus


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open(str(tmp_path / "store"), make=True)


def begun(objects: Objects, seconds_ago: float = 0) -> RunFolder:
    """A run that is at work, and wrote its last object so long ago."""
    folder = RunFolder.start(objects)
    folder.begin("encode", 3)
    folder.put_outcome(0, {"failure": None})
    folder.put_worker("here-1-a", {"beat": 1, "units": {"7": "2026-11-29T20:00:00+00:00"}, "memory": 1 << 30})
    at = time.time() - seconds_ago
    for path in (Path(objects.uri) / folder.path).rglob("*.json"):
        os.utime(path, (at, at))
    return folder


def test_a_job_at_work_has_its_workers_and_their_units(objects: Objects) -> None:
    folder = begun(objects)
    (run,) = list_runs(objects, 5)
    assert (run.run, run.job, run.snapshot, run.state, run.units) == (folder.run_id, "encode", 3, "at work", 1)
    assert run.workers["here-1-a"]["units"] == {"7": "2026-11-29T20:00:00+00:00"}
    assert run.seconds < 60


def test_a_job_that_wrote_nothing_for_a_while_is_silent(objects: Objects) -> None:
    begun(objects, seconds_ago=SILENCE + 5)
    (run,) = list_runs(objects, 5)
    assert (run.state, run.workers) == ("silent", {})
    assert SILENCE < run.seconds < SILENCE + 60


def test_a_job_that_has_ended_has_its_report(tmp_path: Path) -> None:
    report = run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", texts(4)))
    (run,) = list_runs(Objects.open(str(tmp_path / "store")), 5)
    assert (run.state, run.job, run.units, run.seconds) == ("ended", "encode", 1, report.document["wall_seconds"])
    assert run.report is not None
    assert run.report[0].endswith(f"runs/{run.run}/report.json")
    assert run.to_dict()["exit_code"] == 0


def test_the_newest_runs_come_first_and_other_folders_are_no_runs(objects: Objects) -> None:
    for run in ("20260101T000000Z-00000001", "20260103T000000Z-00000002", "20260102T000000Z-00000003", "lost+found"):
        RunFolder(objects, run).begin("encode", 1)
    assert [run.run[:8] for run in list_runs(objects, 2)] == ["20260103", "20260102"]
    assert len(list_runs(objects, 9)) == 3


def test_of_two_runs_of_the_same_second_the_later_comes_first(objects: Objects) -> None:
    for word, seconds_ago in (("ffffffff", 0.5), ("00000000", 0.2)):
        folder = RunFolder(objects, f"20260101T000000Z-{word}")
        folder.begin("encode", 1)
        at = time.time() - seconds_ago
        os.utime(Path(objects.uri) / folder.path / "started.json", (at, at))
    assert [run.run[-8:] for run in list_runs(objects, 2)] == ["00000000", "ffffffff"]


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"[" * 100_000])
def test_a_damaged_record_is_named(content: bytes, objects: Objects) -> None:
    objects.put("runs/20260101T000000Z-00000001/report.json", content)
    with pytest.raises(StoreError, match=r"00000001/report\.json: damaged"):
        list_runs(objects, 5)
