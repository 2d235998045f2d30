"""The folder of one job's run: outcomes and dead letters by work unit, and the report.

The last stage of a job's graph writes these objects itself, under deterministic names. So nothing large goes back
through the runner, and the driver counts finished units in storage, not by what the runner reports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from encore.featurestore.format import new_run_id
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects
from encore.pipelines.dead_letters import DeadLetter, dead_letters_to_parquet


@dataclass(frozen=True)
class RunFolder:
    """``runs/<run id>`` below a store or a predictions folder.

    Objects that only the run's own job reads are not synced to the disk: no job goes on after a power cut.

    Attributes:
        root: the objects of the store or of the predictions folder.
        run_id: time and a random word, so that runs sort by their start, and no two have the same id.
    """

    root: Objects
    run_id: str

    @classmethod
    def start(cls, root: Objects) -> RunFolder:
        """A new run that begins now."""
        return cls(root, new_run_id())

    @property
    def path(self) -> str:
        """The folder below the root."""
        return f"runs/{self.run_id}"

    def begin(self, job: str, snapshot: int) -> None:
        """Write that the run is at work, and its snapshot of the store. Until it has a report, the run may commit."""
        started = json.dumps({"job": job, "snapshot": snapshot}).encode()
        self.root.put(f"{self.path}/started.json", started, durable=False)

    def has_report(self) -> bool:
        """Whether the run has ended with a report."""
        return self.root.size(f"{self.path}/report.json") is not None

    def put_worker(self, name: str, heartbeat: Mapping[str, Any]) -> None:
        """Write the last sign of life of a worker process."""
        self.root.put(f"{self.path}/workers/{name}.json", json.dumps(heartbeat).encode(), durable=False)

    def workers(self) -> dict[str, dict[str, Any]]:
        """Worker process → its last sign of life."""
        paths = [path for path, _ in self.root.walk(f"{self.path}/workers")]
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            beats = pool.map(lambda path: json.loads(self.root.get(path)), paths)
            return {
                path.rpartition("/")[2].removesuffix(".json"): beat for path, beat in zip(paths, beats, strict=True)
            }

    def put_outcome(self, unit: int, outcome: Mapping[str, Any]) -> None:
        """Write the outcome of a work unit.

        A runner may run a unit again. The outcome of the first successful attempt stays, so that work is counted once.
        """
        path, data = f"{self.path}/outcomes/{unit:08d}.json", json.dumps(outcome).encode()
        if not self.root.create(path, data, durable=False) and self.outcome(unit)["failure"] is not None:
            self.root.put(path, data, durable=False)

    def outcomes(self, units: Iterable[int] | None = None) -> dict[int, dict[str, Any]]:
        """Unit → outcome, for these finished units or for all, in the order of their numbers."""
        wanted = sorted(self.finished_units() if units is None else units)
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(self.outcome, wanted), strict=True))

    def finished_units(self) -> set[int]:
        """Numbers of the units that have an outcome."""
        return {
            int(path.rpartition("/")[2].removesuffix(".json")) for path, _ in self.root.walk(f"{self.path}/outcomes")
        }

    def outcome(self, unit: int) -> dict[str, Any]:
        """The outcome of one unit. Raises FileNotFoundError if it is not finished."""
        return json.loads(self.root.get(f"{self.path}/outcomes/{unit:08d}.json"))  # type: ignore[no-any-return]

    def put_dead_letters(self, unit: int, letters: tuple[DeadLetter, ...]) -> None:
        """Write a unit's dead letters. Without any, no object is written."""
        if letters:
            self.root.put(f"{self.path}/dead-letters/{unit:08d}.parquet", dead_letters_to_parquet(letters))

    def dead_letter_files(self) -> Iterator[tuple[str, bytes]]:
        """(file name, Parquet bytes) of every unit's dead letters."""
        for path, _ in self.root.walk(f"{self.path}/dead-letters"):
            yield path.rpartition("/")[2], self.root.get(path)

    def put_left_corpus(self, listing: bytes) -> str:
        """Write the list of the documents that have left the corpus. Returns its full name."""
        path = f"{self.path}/left-corpus.parquet"
        self.root.put(path, listing)
        return self.root.name(path)

    def put_report(self, report: Mapping[str, Any]) -> None:
        """Write the run's report, and sync the dead letters that it counts."""
        self.root.put(f"{self.path}/report.json", json.dumps(report, indent=1).encode())
        self.root.barrier(path for path, _ in self.root.walk(f"{self.path}/dead-letters"))
