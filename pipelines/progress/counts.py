"""Documents of work units that are still at work: workers in this process count them, and who shows progress looks."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from threading import Lock

from encore.pipelines.flow import Interruption


@dataclass(frozen=True)
class UnitProgress:
    """What has passed by in a unit, or in many.

    Attributes:
        documents: rows.
        work: documents that were computed; inside a unit by their share of its tokens, since long ones come first.
        tokens: that were encoded.
    """

    documents: int = 0
    work: float = 0.0
    tokens: int = 0

    def plus(self, documents: int, work: float, tokens: int = 0) -> UnitProgress:
        """The same, and so much more."""
        return UnitProgress(self.documents + documents, self.work + work, self.tokens + tokens)


class UnitCounts:
    """Unit → what has passed by in it: one a process, shared by its threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._units: dict[int, UnitProgress] = {}
        self._interrupted = False

    def interrupt(self) -> None:
        """Nobody waits for the job any more: workers end with the batch that they are at."""
        self._interrupted = True

    def check(self) -> None:
        """Raise `Interruption` where nobody waits any more."""
        if self._interrupted:
            raise Interruption

    def begin(self, unit: int, documents: int = 0) -> None:
        """A unit is begun, maybe anew, in which so many documents need no work.

        Raises:
            Interruption: nobody waits for it.
        """
        self.check()
        with self._lock:
            self._units[unit] = UnitProgress(documents)

    def add(self, unit: int, documents: int, work: float, tokens: int = 0) -> None:
        """So much more has passed by in a unit that was begun.

        Raises:
            Interruption: nobody waits for the rest of it.
        """
        self.check()
        with self._lock:
            self._units[unit] = self._units[unit].plus(documents, work, tokens)

    def encoding(self, unit: int, documents: int) -> Callable[[int, int, int], None]:
        """What `FeatureExtractor.extract` calls for a unit of so many documents: documents, tokens, tokens of all."""

        def add(of_documents: int, tokens: int, of_all: int) -> None:
            self.add(unit, of_documents, documents * tokens / max(1, of_all), tokens)

        return add

    def at_work(self, finished: Container[int]) -> UnitProgress:
        """What has passed by in the units that are not among these; the others are forgotten."""
        with self._lock:
            self._units = {unit: progress for unit, progress in self._units.items() if unit not in finished}
            total = UnitProgress()
            for progress in self._units.values():
                total = total.plus(progress.documents, progress.work, progress.tokens)
            return total


class SharedCounts:
    """A handle on `UnitCounts`, which travels to the workers with what they run.

    Args:
        here: whether they are threads of this process. Elsewhere they count for themselves, and nothing is shown of it.
    """

    def __init__(self, *, here: bool) -> None:
        # Imported late: bars need none of it, and Beam takes as long as a small training.
        from apache_beam.utils.shared import Shared  # noqa: PLC0415

        self._shared = Shared() if here else None

    def get(self) -> UnitCounts:
        """The process's one, for as long as somebody holds it."""
        return UnitCounts() if self._shared is None else self._shared.acquire(UnitCounts)
