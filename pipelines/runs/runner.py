"""The Beam runner of a job, and its number of threads."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import lru_cache
from shutil import rmtree
from threading import Thread

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import create_runner

from encore.featurestore.common import several
from encore.featurestore.errors import JobError, UsageError
from encore.featurestore.storage import masked
from encore.pipelines.progress import UnitCounts
from encore.pipelines.runs.memory import share_heaps
from encore.pipelines.runs.notebook_hook import without_notebook_hook

EMBEDDED = ("DirectRunner", "FnApiRunner", "BundleBasedDirectRunner")
"""Names that all mean the runner in this process. DirectRunner itself would first try to download another one."""


@dataclass(frozen=True)
class RunnerChoice:
    """A runner with its options, which are the words after ``--``.

    Attributes:
        options: Beam options, as given.
        workers: threads of the embedded runner; None for another runner.
        torch_threads: torch threads of each worker thread. Together they use all cores. None does not change torch's
            setting.

    Raises:
        UsageError: a mode of the runner that is not reliable.
    """

    options: tuple[str, ...]
    workers: int | None
    torch_threads: int | None

    @classmethod
    def of(cls, options: Sequence[str], units: int) -> RunnerChoice:
        """Choose the runner for a job of this many work units."""
        options = several(options, "Beam options")
        parsed = parse_options(options)
        if not _embedded(parsed):
            _require_runner(str(parsed.view_as(StandardOptions).runner))
            return cls(tuple(options), None, None)
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
        return cls(tuple(options), workers, max(1, cores // workers))

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


def parse_options(options: Sequence[str]) -> PipelineOptions:
    """Parse Beam's options, all of them now. Beam's own parser ends the process at an error, sometimes in mid-job.

    Raises:
        UsageError: a value that Beam cannot read, or an option that it does not know.
    """
    if options:
        _require_valid(tuple(options))
    return PipelineOptions(list(options))


@lru_cache(maxsize=8)
def _require_valid(options: tuple[str, ...]) -> None:
    """Raise UsageError as `parse_options` says; once, since it takes longer than the rest of a small job's start."""
    parsed = PipelineOptions(list(options))
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            known = parsed.get_all_options(retain_unknown_options=True).keys()
    except SystemExit as ending:
        if not ending.code:
            raise
        reason = masked(said.getvalue().strip().rpartition("error: ")[2])
        raise UsageError(f"Beam options, which follow --: {reason}") from ending
    unknown = sorted(known - PipelineOptions([]).get_all_options().keys())
    if unknown and _embedded(parsed):
        raise UsageError(
            f"Beam options, which follow --: Beam knows no --{', --'.join(unknown)}; correct it or leave it out"
        )


def _embedded(options: PipelineOptions) -> bool:
    """Whether the pipeline runs in this process."""
    return (options.view_as(StandardOptions).runner or "FnApiRunner").rpartition(".")[2] in EMBEDDED


def _require_runner(name: str) -> None:
    """Raise UsageError unless Beam has a runner of this name."""
    try:
        create_runner(name)
    except (ValueError, ImportError, AttributeError) as error:
        raise UsageError(f"--runner={name}: {error}") from error


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
    share_heaps()

    def work(_counts: UnitCounts) -> None:
        # This thread keeps the counts as well, so that workers still find the interruption in them.
        try:
            with without_notebook_hook():
                pipeline = build()
            try:
                state = pipeline.run().wait_until_finish()
            finally:
                # In IPython, Beam leaves the choice of this folder to its interactive runner.
                rmtree(pipeline.local_tempdir, ignore_errors=True)
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
        raise
    if failures:
        first = failures[0]
        if isinstance(first, JobError):
            raise first
        raise JobError(f"the job stopped: {_last_line(first)}; run the same command again to resume") from first


def _last_line(error: BaseException) -> str:
    """The last line of an error: Beam passes on a worker's error as the text of a traceback, and the error ends it."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
