from __future__ import annotations

import os
from pathlib import Path

import pytest

from encore.experiments.tradeoff.measurement.processes import run_in_processes
from encore.featurestore import JobError, UsageError


def touch(path: Path) -> None:
    path.write_text(str(os.getpid()))


def fail(path: Path) -> None:
    raise UsageError(f"{path.name}: refused")


def die(_path: Path) -> None:
    os._exit(3)


def test_one_worker_works_in_this_process(tmp_path: Path) -> None:
    seen: list[int] = []
    run_in_processes(touch, [tmp_path / "a", tmp_path / "b"], 1, lambda: seen.append(len(list(tmp_path.iterdir()))))
    assert seen == [1, 2]
    assert (tmp_path / "a").read_text() == str(os.getpid())


def test_several_workers_work_in_processes_of_their_own(tmp_path: Path) -> None:
    run_in_processes(touch, [tmp_path / name for name in "abc"], 2, lambda: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]
    assert str(os.getpid()) not in {path.read_text() for path in tmp_path.iterdir()}


def test_the_error_of_a_unit_is_raised(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="b: refused"):
        run_in_processes(fail, [tmp_path / "b", tmp_path / "b"], 2, lambda: None)


def test_a_killed_process_is_an_error_that_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="--workers 1"):
        run_in_processes(die, [tmp_path / "a", tmp_path / "b"], 2, lambda: None)
