"""Why a work unit failed as a whole: one line that its outcome carries into the job's report."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from encore.featurestore.common import without_quotes
from encore.featurestore.errors import EncoreError, UnreadableFile

logger = logging.getLogger("encore")


@dataclass(frozen=True)
class Failure:
    """Why a unit failed as a whole.

    Attributes:
        stage: what was being done.
        reason: the error in one line.
        lasting: whether the same command would meet it again: a file has to be mended first.
    """

    stage: str
    reason: str
    lasting: bool = False

    @classmethod
    def of(cls, stage: str, error: BaseException) -> Failure:
        """From the error that ended the unit; its traceback goes to the debug log."""
        logger.debug("unit failed in %s", stage, exc_info=error)
        said = str(error) if isinstance(error, EncoreError | OSError) else without_quotes(error)
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        reason = f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")
        return cls(stage, reason, lasting=isinstance(error, UnreadableFile))


LOST = Failure("run", "the runner ended without an outcome for this unit")
