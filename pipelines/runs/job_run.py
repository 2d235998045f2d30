"""One run of a job over work units, from its graph to its report: what encode, derive and backfill have in common."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol, TypeVar

import apache_beam as beam

from encore.featurestore import Store
from encore.pipelines.flow import LOST, Failure
from encore.pipelines.progress import ProgressDisplay, SharedCounts, watch_units
from encore.pipelines.runs.report import JobReport, package_versions
from encore.pipelines.runs.run_folder import RunFolder
from encore.pipelines.runs.runner import RunnerChoice, run_to_end


class Outcome(Protocol):
    """What came of a work unit, as far as every job says it alike."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Stage → time spent."""

    @property
    def failure(self) -> Failure | None:
        """Why the unit failed as a whole."""


SomeOutcome = TypeVar("SomeOutcome", bound=Outcome)


@dataclass(frozen=True, eq=False)
class JobRun:
    """One run of a job.

    Attributes:
        name: ``encode``, ``derive`` or ``backfill``.
        store: the store, at the snapshot that the job works from.
        folder: of this run.
        units: what is worked on; each has a ``number``.
        documents: rows that the units cover.
        runner: which runner runs it.
        display: shows progress.
        started: `time.monotonic` at the start of the job.
    """

    name: str
    store: Store
    folder: RunFolder
    units: Sequence[Any]
    documents: int
    runner: RunnerChoice
    display: ProgressDisplay
    started: float

    @cached_property
    def shared_counts(self) -> SharedCounts:
        """What workers of this process tell of the units that they work on."""
        return SharedCounts(here=self.runner.workers is not None)

    def execute(
        self,
        elements: Sequence[Any],
        stages: Callable[[beam.PCollection], beam.PCollection],
        *,
        expected: int | None = None,
    ) -> None:
        """Send the units through the stages, and show how far they are; without units there is nothing to run.

        The graph is one line, so that every runner computes it alike; only the small units are shuffled.

        Args:
            elements: what flows into the graph: the units, or groups of them.
            stages: what workers do with an element, until the outcomes of its units lie in the run's folder.
            expected: documents that have to be computed, as far as is known; all unless given.

        Raises:
            JobError: the pipeline failed as a whole; finished units are kept for the next run.
        """
        if not self.units:
            return
        # Held while it runs: workers of this process count in the same place.
        counts = self.shared_counts.get()

        def build() -> beam.Pipeline:
            pipeline = self.runner.pipeline()
            stages(pipeline | "Plan" >> beam.Create(list(elements)) | "Spread" >> beam.Reshuffle())
            return pipeline

        units = len(self.units)
        run_to_end(
            build,
            watch_units(self.folder, self.name, units, self.documents, self.display, expected=expected, counts=counts),
            counts,
        )

    def outcomes(
        self, read: Callable[[Mapping[str, Any]], SomeOutcome]
    ) -> tuple[dict[int, SomeOutcome], dict[int, Failure]]:
        """What came of finished units, and why units failed, in the plan's order; what the runner claims is not asked.

        Args:
            read: makes an outcome of its JSON.
        """
        found = {unit: read(document) for unit, document in self.folder.outcomes().items()}
        planned = [unit.number for unit in self.units]
        failures = {unit: found[unit].failure if unit in found else LOST for unit in planned}
        return (
            {unit: found[unit] for unit in planned if unit in found},
            {unit: failure for unit, failure in failures.items() if failure is not None},
        )

    def report(self, entries: Mapping[str, Any], *, failed: bool, left_corpus: Sequence[str] = ()) -> JobReport:
        """Write the run's report: what all jobs say, and the entries of this one.

        Args:
            entries: what only this job says.
            failed: whether something is left to do.
            left_corpus: as of the `JobReport`.
        """
        document = {
            "job": self.name,
            "run": self.folder.run_id,
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_seconds": round(time.monotonic() - self.started, 3),
            "store": self.store.uri,
            **entries,
            "fingerprint": self.store.spec.fingerprint,
            "versions": package_versions(),
            "exit_code": int(failed),
        }
        self.folder.put_report(document)
        return JobReport(document, tuple(left_corpus))


def seconds_by_stage(outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Stage → seconds, added up over all units and workers."""
    spent: Counter[str] = Counter()
    for outcome in outcomes:
        spent.update(outcome.seconds)
    return {stage: round(seconds, 3) for stage, seconds in spent.items()}


def sums(outcomes: Iterable[Outcome], *names: str) -> dict[str, int]:
    """Name of a counter → its sum over all units."""
    counted: Counter[str] = Counter(dict.fromkeys(names, 0))
    for outcome in outcomes:
        counted.update({name: getattr(outcome, name) for name in names})
    return dict(counted)
