from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from encore.featurestore import JobError
from encore.featurestore.storage import Objects
from encore.pipelines.runs import Heartbeat, RunFolder, SignsOfLife, heartbeat
from encore.pipelines.runs.heartbeat import EVERY, WorkerProcess, resident_bytes


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.start(Objects.open(str(tmp_path), make=True))


def test_a_worker_says_which_units_it_works_on_and_what_memory_it_holds(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resident_bytes() > 10 << 20
    monkeypatch.setattr(heartbeat, "resident_bytes", lambda: 1234)
    worker = WorkerProcess(folder)
    worker.begin(3)
    worker.begin(4)
    worker.end(3)
    worker.write()
    (name, beat), *others = folder.workers().items()
    assert others == []
    assert f"-{os.getpid()}-" in name
    assert set(beat["units"]) == {"4"}
    assert beat["memory"] == 1234


def test_threads_of_a_process_have_one_heartbeat_for_each_run(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY", 0.01)
    sign = Heartbeat(folder.root.uri, folder.run_id)
    for unit in range(5):
        Heartbeat(folder.root.uri, folder.run_id).begin(unit)
    sign.end(0)
    deadline = time.monotonic() + 60
    while not any(set(beat["units"]) == {"1", "2", "3", "4"} for beat in folder.workers().values()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(folder.workers()) == 1
    folder.put_report({})
    thread = heartbeat._PROCESSES[sign]._thread
    assert thread is not None
    thread.join(60)
    assert not thread.is_alive()


def test_storage_that_fails_ends_no_worker(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "EVERY", 0.01)
    tried: list[str] = []

    def fail(_self: RunFolder, name: str, _beat: object) -> None:
        tried.append(name)
        raise OSError("broken")

    monkeypatch.setattr(RunFolder, "put_worker", fail)
    worker = WorkerProcess(folder)
    worker.begin(1)
    deadline = time.monotonic() + 60
    while len(tried) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(tried) >= 3
    folder.put_report({})


class TestSignsOfLife:
    def test_a_job_without_any_sign_is_given_up(self, folder: RunFolder, clock: Clock) -> None:
        signs = SignsOfLife(folder, 900)
        clock.now += 900
        signs.require_one()
        clock.now += 1
        with pytest.raises(JobError, match="for 15 minutes"):
            signs.require_one()

    def test_outcomes_and_heartbeats_are_signs(self, folder: RunFolder, clock: Clock) -> None:
        signs = SignsOfLife(folder, 900)
        clock.now += 800
        assert signs.look(outcomes=True) == ""
        clock.now += 800
        folder.put_worker("a", {"beat": 1})
        folder.put_worker("b", {"beat": 1})
        assert signs.look() == "2 workers"
        clock.now += 800
        signs.require_one()

    def test_the_same_heartbeat_twice_is_no_sign(self, folder: RunFolder, clock: Clock) -> None:
        folder.put_worker("a", {"beat": 1})
        folder.put_worker("b", {"beat": 1})
        signs = SignsOfLife(folder, 900)
        clock.now += EVERY
        assert signs.look() == "2 workers"
        clock.now += 3 * EVERY
        folder.put_worker("b", {"beat": 2})
        assert signs.look() == "1 worker"
        clock.now += 901
        signs.look()
        with pytest.raises(JobError):
            signs.require_one()
