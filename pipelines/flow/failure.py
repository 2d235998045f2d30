"""Why a work unit failed as a whole: one line, which the job's report shows."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from encore.featurestore.common import class_and_line, without_quotes
from encore.featurestore.errors import EncoreError, UnreadableFile

logger = logging.getLogger("encore")


@dataclass(frozen=True)
class Failure:
    """Why a unit failed as a whole.

    Attributes:
        stage: the stage in which it failed.
        reason: the error in one line.
        unreadable: whether a file cannot be read: the same command fails again until the file is mended.
    """

    stage: str
    reason: str
    unreadable: bool = False

    @classmethod
    def of(cls, stage: str, error: BaseException) -> Failure:
        """From the error that ended the unit; its traceback goes to the debug log."""
        logger.debug("unit failed in %s", stage, exc_info=error)
        said = str(error) if isinstance(error, EncoreError | OSError) else without_quotes(error)
        return cls(stage, class_and_line(error, said), unreadable=isinstance(error, UnreadableFile))


LOST = Failure("run", "the runner ended without an outcome for this unit")
