"""Every error that Encore raises on purpose, grouped by what a caller would do about it.

EncoreError
├── UsageError            the request is wrong: change the command (exit code 2)
│   └── SpecMismatch      store, head and request disagree about what a feature is
├── DataError             the input is wrong: mend the data (exit code 1)
│   └── UnreadableFile    a file is damaged or holds what cannot be read: running again does not help
├── StoreError            what is stored is damaged or incomplete: verify the store (exit code 1)
│   ├── NewerFormat       it is of a newer format than this release reads: upgrade Encore
│   └── SnapshotGone      the snapshot was removed while it was read: open the store anew
├── CommitConflict        another writer's change contradicts this one: run again (exit code 1)
└── JobError              the job failed or passed its dead-letter limit (exit code 1)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RESTORE = "run encore repair, or restore it from a copy of the store"
"""The advice at the end of a StoreError about a missing or damaged object."""
UPGRADE = "upgrade Encore"
"""The advice at the end of a StoreError about an object of a newer format."""


class EncoreError(Exception):
    """Root of all errors that Encore raises on purpose; its text says what, where and what to do."""

    exit_code = 1


class UsageError(EncoreError):
    """The request cannot be carried out as it is written."""

    exit_code = 2


class SpecMismatch(UsageError):
    """Two feature specs that should agree do not.

    Attributes:
        differences: field path → (value on the left, value on the right).
    """

    def __init__(self, left: str, right: str, differences: Mapping[str, tuple[object, object]]) -> None:
        """Name both sides and list the fields that differ, side by side."""
        self.differences = dict(differences)
        width = max((len(field) for field in differences), default=0)
        rows = "\n".join(f"  {field:<{width}}  {a!s}  |  {b!s}" for field, (a, b) in differences.items())
        super().__init__(f"{left} and {right} hold different features. Fields that differ ({left} | {right}):\n{rows}")


class DataError(EncoreError):
    """The input data cannot be used; the text names what is wrong with it."""


class UnreadableFile(DataError):
    """A corpus file is damaged, or holds something that cannot be read: running again does not help."""


class StoreError(EncoreError):
    """A stored object is missing, damaged or contradicts its record."""


class NewerFormat(StoreError):
    """A stored object is of a newer format than this release reads."""


class SnapshotGone(StoreError):
    """A vacuum has removed the snapshot since the store was opened."""


class CommitConflict(EncoreError):
    """Another writer committed a change that contradicts this one."""


class JobError(EncoreError):
    """A job ended without doing all that was asked of it.

    Attributes:
        report: the job's report; empty if the job failed as a whole and wrote none.
    """

    def __init__(self, message: str, report: Mapping[str, Any] | None = None) -> None:
        """Say what is left undone."""
        super().__init__(message)
        self.report = dict(report or {})
