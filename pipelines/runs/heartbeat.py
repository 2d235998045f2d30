"""Signs of life: what each worker process writes into the folder of the run, every half minute.

A runner may lose its workers and say nothing: a pool whose process died, a cluster without workers, a master that is
gone. The driver then ends the job after some minutes without any sign.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, Thread
from uuid import uuid4

from encore.featurestore.common import counted
from encore.featurestore.errors import JobError
from encore.featurestore.storage import Objects
from encore.pipelines.runs.run_folder import RunFolder

EVERY = 30.0
"""Seconds between two heartbeats."""
LONGEST_SILENCE = 3600.0
"""Seconds without any progress after which a worker hangs, and writes no more."""
STATM = Path("/proc/self/statm")

logger = logging.getLogger("encore")


@dataclass(frozen=True)
class Heartbeat:
    """The heartbeat of the process that calls it, for one run. It can be sent to workers.

    Attributes:
        uri: root of the run's folder.
        run_id: of the run.
    """

    uri: str
    run_id: str

    def begin(self, unit: int) -> None:
        """A unit begins."""
        _process_of(self).begin(unit)

    def go_on(self) -> None:
        """Something was done."""
        _process_of(self).go_on()

    def end(self, unit: int) -> None:
        """A unit has its outcome."""
        _process_of(self).end(unit)


@dataclass
class WorkerProcess:
    """What this process does for one run. A thread writes it, from the first sign to the end of the run.

    Attributes:
        folder: of the run.
        name: host, process id and a random word.
        units: unit at work → when it began.
    """

    folder: RunFolder
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}")
    units: dict[int, str] = field(default_factory=dict)
    beats: int = 0

    def __post_init__(self) -> None:
        self._lock, self._last = Lock(), time.monotonic()
        self._thread: Thread | None = None

    def begin(self, unit: int) -> None:
        """A unit begins, or begins again."""
        with self._lock:
            self.units[unit] = datetime.now(UTC).isoformat(timespec="seconds")
        self.go_on()

    def end(self, unit: int) -> None:
        """A unit is no longer at work."""
        with self._lock:
            self.units.pop(unit, None)
        self.go_on()

    def go_on(self) -> None:
        """Note a sign of progress. The first one starts the thread."""
        self._last = time.monotonic()
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = Thread(target=self._beat, name="encore-heartbeat", daemon=True)
                    self._thread.start()

    def write(self) -> None:
        """Write one heartbeat."""
        self.beats += 1
        with self._lock:
            units = {str(unit): began for unit, began in self.units.items()}
        self.folder.put_worker(
            self.name,
            {
                "beat": self.beats,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "units": units,
                "memory": resident_bytes(),
            },
        )

    def _beat(self) -> None:
        """Write heartbeats while the run is at work. An error of storage is no reason to end a worker."""
        while time.monotonic() - self._last < LONGEST_SILENCE:
            try:
                if self.folder.has_report():
                    break
                self.write()
            except Exception:
                logger.debug("no heartbeat was written", exc_info=True)
            time.sleep(EVERY)
        self._thread = None


_PROCESSES: dict[Heartbeat, WorkerProcess] = {}
_LOCK = Lock()


def _process_of(heartbeat: Heartbeat) -> WorkerProcess:
    """What this process writes for a run; all its threads share it."""
    with _LOCK:
        if heartbeat not in _PROCESSES:
            _PROCESSES[heartbeat] = WorkerProcess(RunFolder(Objects.open(heartbeat.uri), heartbeat.run_id))
        return _PROCESSES[heartbeat]


def resident_bytes() -> int:
    """Memory that this process holds; where the system does not say it, the most that it ever held."""
    if STATM.exists():
        return int(STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class SignsOfLife:
    """What the driver knows of its workers, by its own clock: clocks of other machines may be wrong.

    Args:
        folder: of the run.
        seconds: without any sign, after which the job is given up.
    """

    def __init__(self, folder: RunFolder, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._seen: dict[str, tuple[int, float]] = {}
        self._last = self._looked = time.monotonic()

    def look(self, outcomes: bool = False) -> str:
        """Read the heartbeats, unless they were read a moment ago. Returns how many workers are alive, in words.

        Args:
            outcomes: whether outcomes came since the last look, which are signs too.
        """
        now = time.monotonic()
        if outcomes:
            self._last = now
        if now - self._looked >= min(EVERY, self._seconds / 3):
            self._looked = now
            for name, beat in self._folder.workers().items():
                if name not in self._seen or self._seen[name][0] != beat["beat"]:
                    self._seen[name] = (beat["beat"], now)
                    self._last = now
        alive = sum(now - seen < 3 * EVERY for _, seen in self._seen.values())
        return counted(alive, "worker") if self._seen else ""

    def require_one(self) -> None:
        """Raise JobError after too long without any sign."""
        if time.monotonic() - self._last > self._seconds:
            raise JobError(
                f"no worker gave a sign of life for {self._seconds / 60:g} minutes, so the job is "
                "given up: look at the runner's workers, and run the same command again to resume"
            )
