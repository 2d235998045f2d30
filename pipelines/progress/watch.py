"""Progress of a job, from the outcomes of finished units and the counts of the others.

Beam's metrics are not used: no runner shows them while it runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from encore.featurestore.common import counted
from encore.pipelines.progress.counts import UnitCounts, UnitProgress
from encore.pipelines.progress.displays import ProgressDisplay, ProgressState
from encore.pipelines.progress.time_left import Pace, TimeLeft

if TYPE_CHECKING:
    from encore.pipelines.runs import RunFolder, SignsOfLife

POLL_SECONDS = 0.5
"""Seconds between two looks at the outcomes, on storage without latency."""


class Tally:
    """Adds up the outcomes of units, and gives the state of the job.

    Args:
        documents: rows that the units cover.
        expected: estimate of the rows that have to be computed. The others take no time.
    """

    def __init__(self, documents: int, expected: int) -> None:
        self._documents, self._expected = documents, expected
        self._time, self._pace = TimeLeft(), Pace()
        self._finished = UnitProgress()
        self._fresh = 0
        self.units: set[int] = set()

    def add(self, unit: int, outcome: Mapping[str, Any]) -> None:
        """Count a finished unit. For encode and derive only its encoded documents count as work, else all."""
        rows = outcome["documents_in"]
        self.units.add(unit)
        self._finished = self._finished.plus(rows, outcome.get("encoded", rows), outcome.get("tokens", 0))
        self._fresh += rows - outcome.get("skipped", 0) - outcome.get("blocked", 0)

    def done(self, now: float, at_work: UnitProgress) -> ProgressState:
        """The state at this time. ``at_work`` is the progress of unfinished units."""
        progress = self._finished.plus(at_work.documents, at_work.work, at_work.tokens)
        self._time.see(now, progress.work, self._work_left(progress, at_work))
        self._pace.see(now, progress.tokens)
        rate = self._pace.rate
        return ProgressState(
            progress.documents, self._time.seconds(now), "" if rate is None else f"{rate:,.0f} tokens/s"
        )

    def _work_left(self, progress: UnitProgress, at_work: UnitProgress) -> float:
        """Documents left to compute: the expected ones that are not done.

        If more came than expected, such as changed texts, the rest is taken to need as much work a row as before.
        """
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
    signs: SignsOfLife | None = None,
) -> Callable[[Callable[[float], bool]], None]:
    """The function that `run_to_end` calls to show progress while a job runs.

    Args:
        run: its folder, where outcomes appear.
        job: its name.
        units: work units.
        documents: rows that they cover.
        display: shows progress.
        expected: estimate of the rows that have to be computed; all unless given.
        counts: progress inside of units, which workers in this process count.
        signs: signs of life of workers in other processes.
    """

    def watch(running: Callable[[float], bool]) -> None:
        tally = Tally(documents, documents if expected is None else expected)
        display.begin(job, documents, detail=f"in {counted(units, 'work unit')}")
        try:
            pause = 0.0
            while True:
                alive = running(pause)
                looked = time.monotonic()
                ended = run.outcomes(run.finished_units() - tally.units)
                for unit, outcome in ended.items():
                    tally.add(unit, outcome)
                now = time.monotonic()
                state = tally.done(now, UnitProgress() if counts is None else counts.at_work(tally.units))
                if signs is not None:
                    state = replace(state, note=", ".join(filter(None, [state.note, signs.look(bool(ended))])))
                display.show(state)
                if not alive:
                    return
                if signs is not None:
                    signs.require_one()
                # When a look takes long, as with many units in object storage, looks are rarer.
                pause = max(POLL_SECONDS, 10 * (now - looked))
        finally:
            display.end()

    return watch
