"""Work in a process of its own with little memory, so that what takes too much, or ends its process, fails a test."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from pathlib import Path

SECONDS = 60


def exit_code_of(work: Callable[[], object], more: int = 1 << 30) -> int | None:
    """How a process that does this work ends: 0 without an error, below 0 by a signal, None if it still runs.

    Args:
        work: what it does.
        more: bytes of address space that it may take beside what this process has.
    """

    def limited() -> None:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        work()

    process = multiprocessing.get_context("fork").Process(target=limited)
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
        return None
    return process.exitcode
