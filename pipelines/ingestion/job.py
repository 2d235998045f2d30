"""Units to segments and one commit: what encode and derive have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt

from encore.featurestore import Change, commit
from encore.featurestore.history import blocked, require_records
from encore.pipelines.corpus import IDS_SHOWN, Pruning, listing_to_parquet
from encore.pipelines.dead_letters import DeadLetterLimit
from encore.pipelines.flow import UnitOutcome
from encore.pipelines.ingestion.stages import Snapshot, WriteSegments
from encore.pipelines.ingestion.totals import DeadLetterSummary, Totals
from encore.pipelines.runs import JobReport, JobRun


def write_units(
    run: JobRun,
    elements: Sequence[Any],
    to_features: Callable[[beam.PCollection], beam.PCollection],
    open_snapshot: Callable[[], Snapshot],
    *,
    expected: int,
    codec: str,
) -> Totals:
    """Run ``to_features``, and write the segments, dead letters and outcomes of its units.

    Args:
        run: the job's.
        elements: its units, or groups of them.
        to_features: elements → UnitFeatures and FailedUnit.
        open_snapshot: opens the snapshot that the workers share. A process has one, as long as something refers to it.
        expected: estimate of the documents that the store lacks.
        codec: lossless codec of the features.

    Raises:
        JobError: the pipeline failed as a whole; finished segments are kept for the next run.
        StoreError: the block list is damaged, or a record or an index that the snapshot names is gone or damaged.
    """
    store = run.store
    run.folder.begin(run.name, store.version)
    require_records(store.objects, store.manifest, store.listed)
    # Read only to find errors now. Workers would otherwise find them after the graph is built and models are loaded.
    blocked(store.objects)
    # Also opened to find errors now. It is not opened twice: this variable keeps it for the workers of this process.
    held = open_snapshot() if run.units and run.runner.workers is not None else None
    write = WriteSegments(run, codec)
    run.execute(elements, lambda units: to_features(units) | "WriteSegments" >> beam.ParDo(write), expected=expected)
    del held
    outcomes, failures = run.outcomes(UnitOutcome.from_dict)
    return Totals(len(run.units), list(outcomes.values()), failures)


def commit_units(
    run: JobRun,
    totals: Totals,
    limit: DeadLetterLimit,
    pruning: Pruning | None = None,
    details: Mapping[str, Any] | None = None,
    *,
    complete: bool = True,
) -> JobReport:
    """Commit the finished units, and write the run's report.

    Over the dead-letter limit nothing is committed. The segments are kept, so that a rerun with a higher limit only
    commits. When some units failed as a whole, the other units are committed.

    Args:
        run: the job's.
        totals: the outcomes of its units.
        limit: the most dead letters with which the job still commits.
        pruning: the documents that have left the corpus, to be pruned unless it is withheld; None without ``--prune``.
        details: further entries of the report.
        complete: whether the plan covers the whole corpus. If not, the exit code is 1.
    """
    store = run.store
    letters = DeadLetterSummary.collect(run.folder)
    within = limit.allows(letters.count, run.documents)
    after = store
    pruned = {} if pruning is None or pruning.withheld else pruning.left
    if within:
        dropped = _joined(totals.superseded, pruned)
        after = commit(store, Change(store.version, run.name, totals.entries, dropped, refreshed=totals.refreshed))
    entries = {
        "snapshot": {"before": store.version, "after": after.version},
        "committed": after.version != store.version,
        **totals.to_dict(),
        "pruned": sum(len(positions) for positions in pruned.values()) if within else 0,
        "dead_letters": {"count": letters.count, "limit": str(limit), "within": within, "reasons": letters.reasons},
        "spec": store.spec.to_dict(),
        **(details or {}),
    }
    left: list[str] = []
    if pruning is not None:
        entries["pruning"] = pruning.to_dict()
        if pruning.count:
            listing = pruning.listing(store)
            entries["pruning"]["list"] = run.folder.put_left_corpus(listing_to_parquet(listing))
            left = listing["doc_id"].slice(0, IDS_SHOWN).to_pylist()
    withheld = pruning is not None and pruning.withheld
    failed = withheld or not (within and complete) or bool(totals.failures)
    return run.report(entries, failed=failed, left_corpus=left)


def _joined(
    first: Mapping[str, npt.NDArray[np.int64]], second: Mapping[str, npt.NDArray[np.int64]]
) -> dict[str, npt.NDArray[np.int64]]:
    both = {segment: [positions] for segment, positions in first.items()}
    for segment, positions in second.items():
        both.setdefault(segment, []).append(positions)
    return {segment: np.unique(np.concatenate(lists)) for segment, lists in both.items()}
