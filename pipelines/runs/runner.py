"""The Beam runner of a job, and its number of threads."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shutil import rmtree
from threading import Thread

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineResult

from encore.featurestore.common import several
from encore.featurestore.errors import JobError, UsageError
from encore.pipelines.progress import UnitCounts
from encore.pipelines.runs.beam_options import is_embedded, settle_options
from encore.pipelines.runs.dask_options import close_client
from encore.pipelines.runs.heartbeat import SignsOfLife
from encore.pipelines.runs.memory import share_heaps
from encore.pipelines.runs.notebook_hook import without_notebook_hook
from encore.pipelines.runs.run_folder import RunFolder

GIVE_UP_AFTER = 15.0
"""Minutes without any sign of workers elsewhere."""
ERROR = re.compile(r"[\w.]*(?:Error|Exception|Interrupt|Exit|Mismatch)\b.*:")
"""The line of a traceback that says what went wrong."""


@dataclass(frozen=True)
class RunnerChoice:
    """A runner with its options, which are the words after ``--``.

    Attributes:
        options: Beam options, as given.
        workers: threads of the embedded runner; None for another runner.
        torch_threads: torch threads of each worker thread. Together they use all cores. None does not change torch's
            setting.
        give_up_after: minutes without any sign of workers elsewhere, after which a job is given up.

    Raises:
        UsageError: as `settle_options` says, or a mode of the runner that is not reliable.
    """

    options: tuple[str, ...]
    workers: int | None
    torch_threads: int | None
    give_up_after: float = GIVE_UP_AFTER

    @classmethod
    def of(cls, options: Sequence[str], units: int, give_up_after: float = GIVE_UP_AFTER) -> RunnerChoice:
        """Choose the runner for a job of this many work units."""
        if not give_up_after > 0:
            raise UsageError(f"give up after {give_up_after:g} minutes: expected more than 0")
        options = settle_options(several(options, "Beam options", "str"))
        parsed = PipelineOptions(list(options))
        if not is_embedded(parsed):
            return cls(options, None, None, give_up_after)
        direct = parsed.view_as(DirectOptions)
        if direct.direct_running_mode == "multi_processing":
            raise UsageError(
                "--direct_running_mode=multi_processing hangs when a worker dies;"
                " leave it out, since threads are as fast"
            )
        if direct.direct_num_workers < 0:
            raise UsageError(f"--direct_num_workers={direct.direct_num_workers}: expected 1 or more, or 0 for all")
        cores = available_cores()
        asked = direct.direct_num_workers if any("direct_num_workers" in word for word in options) else 0
        workers = asked or max(1, min(cores, units))
        return cls(options, workers, max(1, cores // workers))

    def signs_of_life(self, folder: RunFolder) -> SignsOfLife | None:
        """What watches the workers of a run; None where they are threads of this process."""
        return SignsOfLife(folder, 60 * self.give_up_after) if self.workers is None else None

    @property
    def cores(self) -> int | None:
        """Cores that its threads share; None for a runner other than the embedded one."""
        return None if self.workers is None else available_cores()

    def pipeline(self) -> beam.Pipeline:
        """An empty pipeline for this runner."""
        options = PipelineOptions(list(self.options))
        if self.workers is None:
            return beam.Pipeline(options=options)
        options.view_as(StandardOptions).runner = None
        direct = options.view_as(DirectOptions)
        direct.direct_num_workers = self.workers
        direct.direct_running_mode = "multi_threading" if self.workers > 1 else "in_memory"
        return beam.Pipeline(runner=FnApiRunner(), options=options)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_to_end(
    build: Callable[[], beam.Pipeline], watch: Callable[[Callable[[float], bool]], None], counts: UnitCounts
) -> None:
    """Build and run a pipeline in its own thread, while ``watch`` shows progress in this one.

    Python gives signals to the main thread, so that it only watches. Ctrl-C and SIGTERM end this function at once.
    Workers of this process stop after their current batch. This matters where the process goes on, as in a notebook.

    Args:
        build: makes the pipeline.
        watch: called once, with a function ``running``. ``running(seconds)`` waits for the job's end, at most for these
            seconds, and returns whether it still runs. ``watch`` returns when the job has ended.
        counts: counts of the workers in this process. They also tell the workers of an interruption.

    Raises:
        JobError: the pipeline failed; the cause is chained.
    """
    failures: list[BaseException] = []
    results: list[PipelineResult] = []
    share_heaps()

    def work(_counts: UnitCounts) -> None:
        # This thread keeps the counts as well, so that workers still find the interruption in them.
        try:
            with without_notebook_hook():
                pipeline = build()
            try:
                results.append(pipeline.run())
                state = results[0].wait_until_finish()
            finally:
                # In IPython, Beam leaves the choice of this folder to its interactive runner.
                rmtree(pipeline.local_tempdir, ignore_errors=True)
                for result in results:
                    close_client(result)
            if str(state) not in ("DONE", "None"):
                failures.append(JobError(f"the runner ended the job in state {state}; see its own log"))
        except BaseException as error:  # noqa: BLE001 (handed to the main thread, which raises it)
            failures.append(error)

    thread = Thread(target=work, args=(counts,), name="encore-job", daemon=True)

    def running(seconds: float) -> bool:
        thread.join(seconds)
        return thread.is_alive()

    thread.start()
    try:
        watch(running)
        thread.join()
    except BaseException:
        counts.interrupt()
        for result in results:
            close_client(result)
        raise
    if failures:
        first = failures[0]
        if isinstance(first, JobError):
            raise first
        raise JobError(f"the job stopped: {_last_line(first)}; run the same command again to resume") from first


def _last_line(error: BaseException) -> str:
    """The line that says it: Beam passes on a worker's error as the text of a traceback, whose last error ends it.

    Notes and links may follow that error.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if ERROR.match(line)]
    return (said or lines or [type(error).__name__])[-1]
