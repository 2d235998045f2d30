"""Limits that a user gives as a count or as a share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Self

from encore.featurestore.errors import UsageError


@dataclass(frozen=True)
class Limit:
    """The most documents, of a given number, that a job may touch and still go on.

    Attributes:
        count: this many.
        share: this share of them, 0 to 1. Where both are given, whichever allows more holds.

    Raises:
        UsageError: a negative count, or a share outside 0 to 1.
    """

    count: int | None = None
    share: Decimal | None = None

    NAME: ClassVar[str]
    """The name of the limit in messages."""
    OF: ClassVar[str]
    """What the share is a share of, in messages."""
    DEFAULT: ClassVar[tuple[int | None, Decimal]]
    """Count and share where none is given."""

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 0:
            raise UsageError(f"{self.NAME} {self.count}: expected a count of 0 or more")
        if self.share is not None and not 0 <= self.share <= 1:
            raise UsageError(f"{self.NAME} {self.share}: expected a share between 0.0 and 1.0, or a count")

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Read a count (``25``) or a share (``0.01``); None is the default."""
        if text is None:
            return cls(*cls.DEFAULT)
        if re.fullmatch(r"\d+", text, re.ASCII):
            return cls(count=int(text))
        if re.fullmatch(r"\d*\.\d+|\d+\.", text, re.ASCII):
            # Decimal, so that 1 % of 1,000 documents is 10 and not a little less.
            return cls(share=Decimal(text))
        raise UsageError(f"{cls.NAME} {text!r}: expected a count such as 25, or a share such as 0.01")

    def most(self, documents: int) -> int:
        """The largest number that is allowed, of this many documents."""
        by_share = 0 if self.share is None else int(self.share * documents)
        return max(self.count or 0, by_share)

    def allows(self, number: int, documents: int) -> bool:
        """Whether ``number`` of this many documents is within the limit."""
        return number <= self.most(documents)

    def __str__(self) -> str:
        parts = [] if self.share is None else [f"{self.share * 100:f}".rstrip("0").rstrip(".") + f" % of {self.OF}"]
        parts += [] if self.count is None else [str(self.count)]
        return ", or ".join(parts) + (" where that is more" if len(parts) > 1 else "")
