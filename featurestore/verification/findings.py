"""What a verification has looked at, and what it found."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from encore.featurestore.common import first_line
from encore.featurestore.errors import RESTORE, UPGRADE, StoreError
from encore.featurestore.format import is_emptied
from encore.featurestore.storage import LINK_ADVICE, Objects

UNREAD = "see that storage lets it be read"
"""What to do about an object that storage refuses: it is unknown whether it is damaged."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        object: full name of the object.
        problem: what is wrong with it.
        action: what to do about it.
    """

    object: str
    problem: str
    action: str


@dataclass(eq=False)
class Audit:
    """Reads objects and notes what is wrong with them; threads may share one.

    Attributes:
        objects: where the store lies.
        deep: whether every object is read in full.
    """

    objects: Objects
    deep: bool
    _findings: list[Finding] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=dict)
    _bytes_read: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, sorted by object."""
        return tuple(sorted(set(self._findings), key=lambda finding: (finding.object, finding.problem)))

    @property
    def checked(self) -> int:
        """Objects looked at."""
        return len(self._sizes)

    @property
    def checked_bytes(self) -> int:
        """Bytes of the objects looked at."""
        return sum(self._sizes.values())

    def unreferenced(self) -> int:
        """Number of objects that were not looked at: nothing that was checked needs them.

        Objects of runs, quarantined objects and emptied tombstones are not counted: they are meant to stay.
        """
        return sum(
            path not in self._sizes and not path.startswith(("runs/", "aside/")) and not is_emptied(path, size)
            for path, size in self.objects.walk()
        )

    @property
    def read_bytes(self) -> int:
        """Bytes of those that were read and compared."""
        return self._bytes_read

    def report(self, path: str, problem: str, action: str = RESTORE) -> None:
        """Note a finding."""
        with self._lock:
            self._findings.append(Finding(self.objects.name(path), problem, action))

    def report_link(self, name: str) -> None:
        """Note a symbolic link, given by its full name."""
        with self._lock:
            self._findings.append(Finding(name, "is a symbolic link", LINK_ADVICE))

    def missing(self, path: str) -> None:
        """Note that an object is not there."""
        self.report(path, "missing")

    def seen(self, path: str, size: int) -> None:
        """Count an object as looked at."""
        with self._lock:
            self._sizes[path] = size

    def compared(self, path: str, size: int) -> None:
        """Count an object as looked at and read in full."""
        with self._lock:
            self._sizes[path] = size
            self._bytes_read += size

    def read(self, path: str) -> bytes | None:
        """An object; None, and a finding, where it is missing or storage refuses it."""
        try:
            data = self.objects.get(path)
        except FileNotFoundError:
            self.seen(path, 0)
            self.missing(path)
            return None
        except StoreError as error:
            self.seen(path, 0)
            self.report(path, _unnamed(error, self.objects.name(path)), UNREAD)
            return None
        self.compared(path, len(data))
        return data

    def digest(self, path: str, size: int) -> str | None:
        """sha256 (hex) of an object of ``size`` bytes, read a piece at a time; None, and a finding, where it fails."""
        try:
            digest = self.objects.sha256(path, size)
        except FileNotFoundError:
            self.missing(path)
            return None
        except StoreError as error:
            self.report(path, _unnamed(error, self.objects.name(path)), UNREAD)
            return None
        self.compared(path, size)
        return digest

    def refused(self, path: str, error: StoreError, action: str = RESTORE) -> None:
        """Note the error of reading an object; one of a newer format is not damaged, and the advice is to upgrade."""
        problem = _unnamed(error, self.objects.name(path)).removesuffix(f"; {action}")
        newer = f": {UPGRADE}"
        self.report(path, problem.removesuffix(newer), UPGRADE if problem.endswith(newer) else action)


def _unnamed(error: StoreError, name: str) -> str:
    """The message without what a finding says elsewhere: the object before it, and the action after it."""
    return first_line(error, str(error).removeprefix(f"{name}: ").removesuffix(f"; {RESTORE}"))
