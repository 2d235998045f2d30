"""The runs of jobs on a store or on a folder of predictions: those at work, and those that have ended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from encore.featurestore.common import first_line
from encore.featurestore.errors import StoreError
from encore.featurestore.format import parse_json
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects
from encore.pipelines.runs.heartbeat import EVERY
from encore.pipelines.runs.run_folder import RunFolder

RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
START = len("20260101T000000Z")
AT_WORK, SILENT, ENDED = "at work", "silent", "ended"
SILENCE = 3 * EVERY
"""Seconds since the last sign, after which a run that has no report is silent: it was stopped, or a unit takes long."""


@dataclass(frozen=True)
class RunSummary:
    """A run.

    Attributes:
        run: its id.
        job: ``encode``, ``derive`` or ``backfill``; None where the run ended before its work.
        snapshot: of the store, that it works from.
        state: ``at work``; ``silent``, if it wrote nothing for `SILENCE` seconds; ``ended``, with a report.
        started: UTC.
        units: units that have an outcome.
        workers: worker process that wrote a moment ago → its heartbeat.
        seconds: since the last sign, by this machine's clock; of a run that has ended, what it took.
        report: full name and content of its report.
    """

    run: str
    job: str | None
    snapshot: int | None
    state: str
    started: datetime
    units: int
    seconds: float
    workers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    report: tuple[str, Mapping[str, Any]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "run": self.run,
            "job": self.job,
            "snapshot": self.snapshot,
            "state": self.state,
            "started_at": self.started.isoformat(timespec="seconds"),
            "units": self.units,
            "seconds": round(self.seconds, 1),
            "workers": {name: dict(beat) for name, beat in self.workers.items()},
            "exit_code": None if self.report is None else self.report[1].get("exit_code"),
            "report": None if self.report is None else self.report[0],
        }


def list_runs(objects: Objects, limit: int) -> list[RunSummary]:
    """The newest runs, newest first.

    Args:
        objects: of the store, or of the folder of predictions.
        limit: maximum number of runs.
    """
    written: dict[str, list[tuple[str, datetime]]] = {}
    for stored in objects.listing("runs"):
        _, run, *rest = stored.path.split("/")
        if rest and RUN_ID.fullmatch(run):
            written.setdefault(run, []).append(("/".join(rest), stored.written_at))
    # The word in a run's id is random: of two runs of the same second, the first object tells.
    newest = sorted(written, key=lambda run: (run[:START], min(at for _, at in written[run])), reverse=True)[:limit]
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return list(pool.map(lambda run: _summary(RunFolder(objects, run), written[run]), newest))


def _summary(folder: RunFolder, written: list[tuple[str, datetime]]) -> RunSummary:
    names = {name for name, _ in written}
    now = datetime.now(UTC)
    silent = (now - max(at for _, at in written)).total_seconds()
    begun = _read(folder, "started.json") if "started.json" in names else {}
    report = _read(folder, "report.json") if "report.json" in names else None
    alive = {
        name.removeprefix("workers/").removesuffix(".json"): _read(folder, name)
        for name, at in written
        if name.startswith("workers/") and report is None and (now - at).total_seconds() < SILENCE
    }
    return RunSummary(
        run=folder.run_id,
        job=begun.get("job"),
        snapshot=begun.get("snapshot"),
        state=ENDED if report is not None else AT_WORK if silent < SILENCE else SILENT,
        started=datetime.strptime(folder.run_id[:START], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC),
        units=sum(name.startswith("outcomes/") for name in names),
        seconds=silent if report is None else report.get("wall_seconds", 0.0),
        workers=alive,
        report=None if report is None else (folder.root.name(f"{folder.path}/report.json"), report),
    )


def _read(folder: RunFolder, name: str) -> dict[str, Any]:
    """An object of a run; empty if it was removed meanwhile. Raises StoreError if it is damaged."""
    path = f"{folder.path}/{name}"
    with suppress(FileNotFoundError):
        try:
            found = parse_json(folder.root.get(path))
        except ValueError as error:
            raise StoreError(f"{folder.root.name(path)}: damaged: {first_line(error)}; it may be removed") from error
        if isinstance(found, dict):
            return found
        raise StoreError(f"{folder.root.name(path)}: damaged: it holds no record of a run; it may be removed")
    return {}
