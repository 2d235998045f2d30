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
        lasting: whether the same command would fail again, because a file must be repaired first.
    """

    stage: str
    reason: str
    lasting: bool = False

    @classmethod
    def of(cls, stage: str, error: BaseException) -> Failure:
        """From the error that ended the unit; its traceback goes to the debug log."""
        logger.debug("unit failed in %s", stage, exc_info=error)
        said = str(error) if isinstance(error, EncoreError | OSError) else without_quotes(error)
        return cls(stage, class_and_line(error, said), lasting=isinstance(error, UnreadableFile))


LOST = Failure("run", "the runner ended without an outcome for this unit")
