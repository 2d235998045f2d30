"""Progress of a job: units that have an outcome, and what has passed by in the others.

No runner shows its metrics while it runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from encore.featurestore.common import counted
from encore.pipelines.progress.counts import UnitCounts, UnitProgress
from encore.pipelines.progress.displays import ProgressDisplay, ProgressState
from encore.pipelines.progress.time_left import Pace, TimeLeft

if TYPE_CHECKING:
    from encore.pipelines.runs import RunFolder

POLL_SECONDS = 0.5
"""Pause between two looks at the outcomes, on storage that answers at once."""


class Tally:
    """Adds up what came of units, and says how far the job is.

    Args:
        documents: rows that the units cover.
        expected: those of them that have to be computed, as far as is known; others pass by in no time.
    """

    def __init__(self, documents: int, expected: int) -> None:
        self._documents, self._expected = documents, expected
        self._time, self._pace = TimeLeft(), Pace()
        self._finished = UnitProgress()
        self._fresh = 0
        self.units: set[int] = set()

    def add(self, unit: int, outcome: Mapping[str, Any]) -> None:
        """Count a finished unit: of an encode or derive job those documents as work that it computed, else all."""
        rows = outcome["documents_in"]
        self.units.add(unit)
        self._finished = self._finished.plus(rows, outcome.get("encoded", rows), outcome.get("tokens", 0))
        self._fresh += rows - outcome.get("skipped", 0) - outcome.get("blocked", 0)

    def done(self, now: float, at_work: UnitProgress) -> ProgressState:
        """How far it is at this time, with what has passed by in units that are not finished."""
        progress = self._finished.plus(at_work.documents, at_work.work, at_work.tokens)
        self._time.see(now, progress.work, self._work_left(progress, at_work))
        self._pace.see(now, progress.tokens)
        rate = self._pace.rate
        return ProgressState(
            progress.documents, self._time.seconds(now), "" if rate is None else f"{rate:,.0f} tokens/s"
        )

    def _work_left(self, progress: UnitProgress, at_work: UnitProgress) -> float:
        """What was expected and has not passed by; where more comes, as of changed texts, the rest like that so far."""
        expected = self._expected - self._fresh - at_work.work
        rest = self._documents - progress.documents
        return expected if expected > 0 else rest * progress.work / max(1, progress.documents)


def watch_units(
    run: RunFolder,
    job: str,
    units: int,
    documents: int,
    display: ProgressDisplay,
    *,
    expected: int | None = None,
    counts: UnitCounts | None = None,
) -> Callable[[Callable[[float], bool]], None]:
    """What `run_to_end` calls while a job of so many units and documents runs.

    Args:
        run: its folder, where outcomes appear.
        job: its name.
        units: work units.
        documents: rows that they cover.
        display: shows progress.
        expected: rows that have to be computed, as far as is known; all unless given.
        counts: what workers in this process count inside of units.
    """

    def watch(running: Callable[[float], bool]) -> None:
        tally = Tally(documents, documents if expected is None else expected)
        display.begin(job, documents, detail=f"in {counted(units, 'work unit')}")
        try:
            pause = 0.0
            while True:
                alive = running(pause)
                looked = time.monotonic()
                for unit, outcome in run.outcomes(run.finished_units() - tally.units).items():
                    tally.add(unit, outcome)
                now = time.monotonic()
                display.show(tally.done(now, UnitProgress() if counts is None else counts.at_work(tally.units)))
                if not alive:
                    return
                # Where a look takes long, as on far storage with many units, looks are rarer.
                pause = max(POLL_SECONDS, 10 * (now - looked))
        finally:
            display.end()

    return watch
