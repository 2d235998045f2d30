"""A Dask cluster: a scheduler and its workers, each a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.forks import PATIENCE, fork_context


@dataclass
class DaskCluster:
    """Processes of a cluster.

    Attributes:
        folder: of its scheduler file, and of what its processes print.
        scheduler: the scheduler's process.
        workers: the workers' processes.
    """

    folder: Path
    scheduler: BaseProcess
    workers: list[BaseProcess]

    @property
    def options(self) -> tuple[str, ...]:
        """Beam's options of a job on it."""
        return ("--runner=dask", f"--dask_scheduler_file={self.folder / 'scheduler.json'}")

    def add_worker(self) -> None:
        """Start one more worker."""
        self.workers.append(_process(self.folder, "dask_worker", "--nthreads", "1", "--no-nanny"))


@contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[DaskCluster]:
    """A scheduler and its workers, which wait for a job."""
    cluster = DaskCluster(folder, _process(folder, "dask_scheduler", "--host", "127.0.0.1", "--port", "0"), [])
    try:
        for _ in range(workers):
            cluster.add_worker()
        end = time.monotonic() + PATIENCE
        while not (folder / "scheduler.json").exists():
            assert time.monotonic() < end, "no scheduler"
            time.sleep(0.05)
        yield cluster
    finally:
        for process in (*cluster.workers, cluster.scheduler):
            process.kill()
            process.join()


def _process(folder: Path, program: str, *words: str) -> BaseProcess:
    given = (folder, program, ("--scheduler-file", str(folder / "scheduler.json"), "--no-dashboard", *words))
    process = fork_context().Process(target=_run, args=given, daemon=True)
    process.start()
    return process


def _run(folder: Path, program: str, words: tuple[str, ...]) -> None:
    """Run one of Dask's programs in this process, a fork."""
    from importlib import import_module  # noqa: PLC0415

    output = os.open(folder / f"{program}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(output, number)
    os.chdir(folder)
    import_module(f"distributed.cli.{program}").main([*words])
