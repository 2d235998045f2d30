"""Progress inside of unfinished work units. Workers in this process count documents, and the display reads them."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from encore.pipelines.flow import Interruption


@dataclass(frozen=True)
class UnitProgress:
    """The progress of a unit, or the sum over many.

    Attributes:
        documents: rows that are done.
        work: documents that were computed. Inside a unit they are counted by their share of its tokens, since long
            documents come first.
        tokens: tokens that were encoded.
    """

    documents: int = 0
    work: float = 0.0
    tokens: int = 0

    def plus(self, documents: int, work: float, tokens: int = 0) -> UnitProgress:
        """The sum of this and more progress."""
        return UnitProgress(self.documents + documents, self.work + work, self.tokens + tokens)


class LifeSign(Protocol):
    """Is told what the workers of a process do."""

    def begin(self, unit: int) -> None:
        """A unit begins."""

    def go_on(self) -> None:
        """Something was done."""

    def end(self, unit: int) -> None:
        """A unit has its outcome."""


class UnitCounts:
    """Unit → its progress. The threads of a process share one.

    Args:
        life_sign: is told of every step.
    """

    def __init__(self, life_sign: LifeSign | None = None) -> None:
        self._life_sign = life_sign
        self._lock = Lock()
        self._units: dict[int, UnitProgress] = {}
        self._interrupted = False

    def interrupt(self) -> None:
        """Mark the job as interrupted. Workers stop after their current batch."""
        self._interrupted = True

    def check(self) -> None:
        """Raise `Interruption` if the job was interrupted."""
        if self._interrupted:
            raise Interruption
        if self._life_sign is not None:
            self._life_sign.go_on()

    def begin(self, unit: int, documents: int = 0) -> None:
        """Begin a unit, or begin it again. ``documents`` of it need no work.

        Raises:
            Interruption: the job was interrupted.
        """
        self.check()
        with self._lock:
            self._units[unit] = UnitProgress(documents)
        if self._life_sign is not None:
            self._life_sign.begin(unit)

    def end(self, unit: int) -> None:
        """End a unit: its outcome is written. It counts on until the display has seen the outcome."""
        if self._life_sign is not None:
            self._life_sign.end(unit)

    def add(self, unit: int, documents: int, work: float, tokens: int = 0) -> None:
        """Add progress to a unit that was begun.

        Raises:
            Interruption: the job was interrupted.
        """
        self.check()
        with self._lock:
            self._units[unit] = self._units[unit].plus(documents, work, tokens)

    def encoding(self, unit: int, documents: int) -> Callable[[int, int, int], None]:
        """A callback for `FeatureExtractor.extract` on a unit of this many documents.

        It takes the documents and the tokens that are done, and the tokens of the whole unit.
        """

        def add(of_documents: int, tokens: int, of_all: int) -> None:
            self.add(unit, of_documents, documents * tokens / max(1, of_all), tokens)

        return add

    def at_work(self, finished: Container[int]) -> UnitProgress:
        """The summed progress of all units but the finished ones. Forgets the finished ones."""
        with self._lock:
            self._units = {unit: progress for unit, progress in self._units.items() if unit not in finished}
            total = UnitProgress()
            for progress in self._units.values():
                total = total.plus(progress.documents, progress.work, progress.tokens)
            return total


class SharedCounts:
    """A handle on `UnitCounts` that can be pickled and sent to workers.

    Args:
        here: whether the workers are threads of this process. Elsewhere they keep counts that nobody reads.
        life_sign: of workers elsewhere.
    """

    def __init__(self, *, here: bool, life_sign: LifeSign | None = None) -> None:
        self._life_sign = life_sign
        # Imported late: progress bars do not need Beam, and its import takes as long as a small training.
        from apache_beam.utils.shared import Shared  # noqa: PLC0415

        self._shared = Shared() if here else None

    def get(self) -> UnitCounts:
        """The counts of this process. They live as long as something refers to them."""
        return UnitCounts(self._life_sign) if self._shared is None else self._shared.acquire(UnitCounts)
