"""Beam's options: the words after ``--``, checked before any work."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from difflib import get_close_matches
from functools import lru_cache

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import create_runner

from encore.featurestore.errors import UsageError
from encore.featurestore.storage import masked
from encore.pipelines.runs.dask_options import is_dask, on_dask, with_scheduler

EMBEDDED = ("DirectRunner", "FnApiRunner", "BundleBasedDirectRunner")
"""Names that all mean the runner in this process. DirectRunner itself would first try to download another one."""
WITH_JOB_SERVER = ("PortableRunner", "FlinkRunner", "SparkRunner", "PrismRunner")
"""Runners that hand on options which Beam does not know: their job server may know them."""
BEFORE = "Beam options, which follow --"


def settle_options(options: Sequence[str]) -> tuple[str, ...]:
    """The options with a runner's short name replaced by the name that Beam knows, and with what Encore adds to them.

    Raises:
        UsageError: a value that Beam cannot read, an option that it does not know, or a runner that it does not have.
    """
    words = tuple(options)
    if not words:
        return words
    with _beams_errors():
        dask = is_dask(runner_name(PipelineOptions(list(words))))
    words = on_dask(words) if dask else words
    _require_valid(words)
    return with_scheduler(words) if dask else words


def runner_name(options: PipelineOptions) -> str:
    """The name of the runner as it was given."""
    return options.view_as(StandardOptions).runner or "FnApiRunner"


def is_embedded(options: PipelineOptions) -> bool:
    """Whether the pipeline runs in this process."""
    return runner_name(options).rpartition(".")[2] in EMBEDDED


@lru_cache(maxsize=8)
def _require_valid(options: tuple[str, ...]) -> None:
    """Raise UsageError as `settle_options` says. It is done once for the same options: a small job starts sooner."""
    parsed = PipelineOptions(list(options))
    runner = runner_name(parsed)
    if not is_embedded(parsed):
        _require_runner(runner)
    flags: set[str] = set()
    with _beams_errors():
        asked = parsed.get_all_options(retain_unknown_options=True).keys()
    # A flag may have another name than its value: --dask_client_address is `address`.
    known = PipelineOptions([]).get_all_options(
        add_extra_args_fn=lambda parser: flags.update(re.findall(r"--(\w+)", parser.format_usage()))
    )
    for unknown in sorted(asked - known.keys()):
        if near := get_close_matches(unknown, flags, n=1, cutoff=0.8):
            raise UsageError(f"{BEFORE}: Beam knows no --{unknown}; did you mean --{near[0]}?")
        if runner.rpartition(".")[2] not in WITH_JOB_SERVER:
            raise UsageError(f"{BEFORE}: Beam knows no --{unknown}; correct it or leave it out")


@contextmanager
def _beams_errors() -> Iterator[None]:
    """A context that raises UsageError where Beam's parser would end the process."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            yield
    except SystemExit as ending:
        if not ending.code:
            raise
        reason = masked(said.getvalue().strip().rpartition("error: ")[2])
        raise UsageError(f"{BEFORE}: {reason}") from ending


def _require_runner(name: str) -> None:
    """Raise UsageError unless Beam has a runner of this name."""
    try:
        create_runner(name)
    except (ValueError, ImportError, AttributeError) as error:
        raise UsageError(f"--runner={name}: {error}") from error
