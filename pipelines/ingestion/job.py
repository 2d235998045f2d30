"""A job that ends in segments and one commit: what encode and derive have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt

from encore.featurestore import Change, Store, commit
from encore.featurestore.history import blocked, require_records
from encore.featurestore.segments import check_codec
from encore.pipelines.corpus import EXAMPLES, Pruning, listing_to_parquet
from encore.pipelines.dead_letters import DeadLetterLimit
from encore.pipelines.ingestion.stages import Snapshot, WriteSegments
from encore.pipelines.progress import Passing, ProgressDisplay, watch_units
from encore.pipelines.runs import (
    DeadLetterSummary,
    JobReport,
    RunFolder,
    RunnerChoice,
    Totals,
    package_versions,
    run_to_end,
)


@dataclass(frozen=True)
class SegmentJob:
    """One run of a job over work units.

    Attributes:
        name: ``encode`` or ``derive``.
        store: the store, at the snapshot that the job works from.
        run: folder of this run.
        units: what is worked on; each has a ``number``.
        elements: what flows into the graph: the units, or groups of them.
        documents: rows that the units cover.
        expected: those of them that the store lacks, as far as is known.
        codec: lossless codec of the features.
        runner: which runner runs it.
    """

    name: str
    store: Store
    run: RunFolder
    units: Sequence[Any]
    elements: Sequence[Any]
    documents: int
    expected: int
    codec: str
    runner: RunnerChoice

    def __post_init__(self) -> None:
        check_codec(self.codec)

    def execute(
        self,
        to_features: beam.PTransform,
        open_snapshot: Callable[[], Snapshot],
        passing: Passing,
        display: ProgressDisplay,
    ) -> Totals:
        """Run ``to_features`` (elements → UnitFeatures) and write what comes out.

        The graph is one line, so that every runner computes it alike; only the small units are shuffled.

        Args:
            to_features: what the workers do.
            open_snapshot: what they work from: one a process, for as long as somebody holds it.
            passing: what workers of this process tell of the units that they work on.
            display: shows progress.

        Raises:
            JobError: the pipeline failed as a whole; finished segments are kept for the next run.
            StoreError: the block list is damaged, or a record or an index that the snapshot names is gone or damaged.
        """
        self.run.begin(self.name, self.store.version)
        require_records(self.store.objects, self.store.manifest, self.store.listed)
        # Read for its errors alone: workers would meet them one by one, after the graph was built and models loaded.
        blocked(self.store.objects)
        # For its errors too, and no work done twice: workers in this process share it while it is held here.
        held = open_snapshot() if self.units and self.runner.workers is not None else None

        def build() -> beam.Pipeline:
            pipeline = self.runner.pipeline()
            _ = (
                pipeline
                | "Plan" >> beam.Create(list(self.elements))
                | "Spread" >> beam.Reshuffle()
                | to_features
                | "WriteSegments"
                >> beam.ParDo(WriteSegments(self.store.uri, self.run.run_id, self.store.version, self.codec))
            )
            return pipeline

        if self.units:
            counts, units = passing.counts(), len(self.units)
            run_to_end(
                build,
                watch_units(self.run, self.name, units, self.documents, display, expected=self.expected, counts=counts),
            )
        del held
        return Totals.collect(self.run, (unit.number for unit in self.units))

    def finish(
        self,
        totals: Totals,
        limit: DeadLetterLimit,
        started: float,
        pruning: Pruning | None = None,
        details: Mapping[str, Any] | None = None,
        *,
        complete: bool = True,
    ) -> JobReport:
        """Commit what may be committed, and write the run's report.

        Over the dead-letter limit nothing is committed and the segments are kept, so that a rerun with a higher limit
        only commits. Where units failed as a whole the rest is committed.

        Args:
            totals: what came of the units.
            limit: dead letters that are tolerated.
            started: `time.monotonic` at the start of the job.
            pruning: what has left the corpus, where that is to be pruned; more than its limit is not.
            details: further entries of the report.
            complete: whether the units are all that there was to do; the exit code is 1 if not.
        """
        letters = DeadLetterSummary.collect(self.run)
        within = limit.allows(letters.count, self.documents)
        after = self.store
        pruned = {} if pruning is None or pruning.withheld else pruning.left
        if within:
            dropped = _joined(totals.superseded, pruned)
            change = Change(self.store.version, self.name, totals.entries, dropped, refreshed=totals.refreshed)
            after = commit(self.store, change)
        withheld = pruning is not None and pruning.withheld
        report = {
            "job": self.name,
            "run": self.run.run_id,
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_seconds": round(time.monotonic() - started, 3),
            "store": self.store.uri,
            "snapshot": {"before": self.store.version, "after": after.version},
            "committed": after.version != self.store.version,
            **totals.to_dict(),
            "pruned": sum(len(positions) for positions in pruned.values()) if within else 0,
            **({} if pruning is None else {"pruning": pruning.to_dict()}),
            "dead_letters": {"count": letters.count, "limit": str(limit), "within": within, "reasons": letters.reasons},
            "fingerprint": self.store.spec.fingerprint,
            "spec": self.store.spec.to_dict(),
            "versions": package_versions(),
            "exit_code": 1 if withheld or not (within and complete) or totals.failures else 0,
            **(details or {}),
        }
        left: list[str] = []
        if pruning is not None and pruning.count:
            listing = pruning.listing(self.store)
            report["pruning"]["list"] = self.run.put_left_corpus(listing_to_parquet(listing))
            left = listing["doc_id"].slice(0, EXAMPLES).to_pylist()
        self.run.put_report(report)
        return JobReport(report, tuple(left))


def _joined(
    first: Mapping[str, npt.NDArray[np.int64]], second: Mapping[str, npt.NDArray[np.int64]]
) -> dict[str, npt.NDArray[np.int64]]:
    both = {segment: [positions] for segment, positions in first.items()}
    for segment, positions in second.items():
        both.setdefault(segment, []).append(positions)
    return {segment: np.unique(np.concatenate(lists)) for segment, lists in both.items()}
