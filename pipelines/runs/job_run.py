"""One run of a job over work units, from its graph to its report. Encode, derive and backfill share it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol, TypeVar

import apache_beam as beam

from encore.featurestore import Catalogue
from encore.pipelines.flow import LOST, Failure
from encore.pipelines.progress import ProgressDisplay, SharedCounts, watch_units
from encore.pipelines.runs.heartbeat import Heartbeat
from encore.pipelines.runs.report import JobReport, package_versions
from encore.pipelines.runs.run_folder import RunFolder
from encore.pipelines.runs.runner import RunnerChoice, run_to_end


class JobOutcome(Protocol):
    """The part of a unit's outcome that all jobs share."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Stage → time spent."""

    @property
    def failure(self) -> Failure | None:
        """Why the unit failed as a whole."""


SomeOutcome = TypeVar("SomeOutcome", bound=JobOutcome)


@dataclass(frozen=True, eq=False)
class JobRun:
    """One run of a job.

    Attributes:
        name: ``encode``, ``derive`` or ``backfill``.
        store: the store, at the snapshot that the job works from.
        folder: of this run.
        units: the work units; each has a ``number``.
        documents: rows that the units cover.
        runner: the Beam runner.
        display: shows progress.
        started: `time.monotonic` at the start of the job.
    """

    name: str
    store: Catalogue
    folder: RunFolder
    units: Sequence[Any]
    documents: int
    runner: RunnerChoice
    display: ProgressDisplay
    started: float

    @cached_property
    def shared_counts(self) -> SharedCounts:
        """Counts of the workers in this process, for the units that they work on."""
        here = self.runner.workers is not None
        return SharedCounts(here=here, life_sign=None if here else Heartbeat(self.folder.root.uri, self.folder.run_id))

    def execute(
        self,
        elements: Sequence[Any],
        stages: Callable[[beam.PCollection], beam.PCollection],
        *,
        expected: int | None = None,
    ) -> None:
        """Run the units through the stages, and show progress. Without units, nothing runs.

        The graph is one line without branches, so that every runner computes it alike. Only small units are shuffled.

        Args:
            elements: what flows into the graph: the units, or groups of them.
            stages: the stages of the workers. The last one writes the outcomes to the run's folder.
            expected: estimate of the documents that have to be computed; all unless given.

        Raises:
            JobError: the pipeline failed as a whole; finished units are kept for the next run.
        """
        if not self.units:
            return
        # This variable keeps the counts while the job runs, so that workers of this process use the same ones.
        counts = self.shared_counts.get()

        def build() -> beam.Pipeline:
            pipeline = self.runner.pipeline()
            stages(pipeline | "Plan" >> beam.Create(list(elements), reshuffle=False) | "Spread" >> beam.Reshuffle())
            return pipeline

        watch = watch_units(
            self.folder,
            self.name,
            len(self.units),
            self.documents,
            self.display,
            expected=expected,
            counts=counts,
            signs=self.runner.signs_of_life(self.folder),
        )
        run_to_end(build, watch, counts)

    def outcomes(
        self, read: Callable[[Mapping[str, Any]], SomeOutcome]
    ) -> tuple[dict[int, SomeOutcome], dict[int, Failure]]:
        """Outcomes of finished units, and failures, in the plan's order. The runner's own report is not used.

        Args:
            read: makes an outcome from its JSON.
        """
        found = {unit: read(document) for unit, document in self.folder.outcomes().items()}
        planned = [unit.number for unit in self.units]
        failures = {unit: found[unit].failure if unit in found else LOST for unit in planned}
        return (
            {unit: found[unit] for unit in planned if unit in found},
            {unit: failure for unit, failure in failures.items() if failure is not None},
        )

    def report(self, entries: Mapping[str, Any], *, failed: bool, left_corpus: Sequence[str] = ()) -> JobReport:
        """Write the run's report: the entries that all jobs have, and those of this job.

        Args:
            entries: entries of this job alone.
            failed: whether something is left to do.
            left_corpus: as in `JobReport`.
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


def seconds_by_stage(outcomes: Iterable[JobOutcome]) -> dict[str, float]:
    """Stage → seconds, added up over all units and workers."""
    spent: Counter[str] = Counter()
    for outcome in outcomes:
        spent.update(outcome.seconds)
    return {stage: round(seconds, 3) for stage, seconds in spent.items()}


def sums(outcomes: Iterable[JobOutcome], *names: str) -> dict[str, int]:
    """Name of a counter → its sum over all units."""
    counted: Counter[str] = Counter(dict.fromkeys(names, 0))
    for outcome in outcomes:
        counted.update({name: getattr(outcome, name) for name in names})
    return dict(counted)
