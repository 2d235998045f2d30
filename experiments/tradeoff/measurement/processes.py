"""Running units of work in a few processes, which end when their parent process ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from encore.featurestore import JobError

POLL_SECONDS = 1.0

Unit = TypeVar("Unit")


def run_in_processes(
    work: Callable[[Unit], None], units: Sequence[Unit], workers: int, watch: Callable[[], None]
) -> None:
    """Run ``work`` on every unit; the first error stops all.

    A single worker works in this process.

    Args:
        work: a function of a module, or a value that can be pickled.
        units: what to work on; the long ones first.
        workers: processes at most.
        watch: called every second or so, and after each unit where there is one worker.

    Raises:
        JobError: a process was killed.
    """
    workers = min(workers, len(units))
    if workers <= 1:
        for unit in units:
            work(unit)
            watch()
        return
    # No forks of this process: torch and object storage have threads, and a fork may find a lock held for ever. The
    # server whose forks they are imports torch once for all, and nothing of torch or of storage is at work there.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__package__])
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent)
    try:
        waiting = {pool.submit(work, unit) for unit in units}
        while waiting:
            done, waiting = wait(waiting, timeout=POLL_SECONDS, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            watch()
    except BrokenProcessPool as error:
        raise JobError(
            "tradeoff: a training process was killed, perhaps for lack of memory; run the same command again, which "
            "keeps what is finished, with --workers 1 where memory is short"
        ) from error
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def _follow_parent() -> None:
    """In a worker: leave Ctrl-C to the parent process, and end when the parent ends in any way."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def leave() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=leave, daemon=True).start()
