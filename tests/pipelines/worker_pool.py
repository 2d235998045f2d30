"""Beam workers in processes of their own, as a cluster has them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WorkerPool:
    """A pool of them.

    Attributes:
        options: Beam's options of a pipeline that uses it.
        process: the pool's own; it leads a process group of all workers.
    """

    options: tuple[str, ...]
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Kill the pool and its workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def worker_pool(cwd: Path) -> Iterator[WorkerPool]:
    """A pool that runs in a folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pool = subprocess.Popen(
        [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"],
        cwd=cwd,
        # The pool starts `python` from PATH for each worker.
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, pool)
        options = ("--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=EXTERNAL")
        yield WorkerPool((*options, f"--environment_config=127.0.0.1:{port}"), pool)
    finally:
        if pool.poll() is None:
            WorkerPool((), pool).kill()


def _wait_for(port: int, pool: subprocess.Popen[bytes]) -> None:
    """Wait until the pool listens. A pipeline that starts earlier would fail."""
    while pool.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"the pool of workers ended with {pool.returncode}")
