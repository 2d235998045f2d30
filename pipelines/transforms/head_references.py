"""References to heads that are sent to workers: the address of a head, or its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from encore.featurestore import StoreError, UsageError
from encore.featurestore.common import several
from encore.featurestore.storage import Objects
from encore.heads import Head
from encore.pipelines.head_registry import require_different
from encore.pipelines.predictions import head_name


@dataclass(frozen=True)
class HeadReference:
    """The place where a worker gets a head.

    Attributes:
        name: ``task@digest``.
        source: URI of its directory; or its files, name → content.
    """

    name: str
    source: str | Mapping[str, bytes]

    @classmethod
    def of(cls, given: Head | str | PathLike[str]) -> tuple[HeadReference, Head]:
        """Make a reference to a head, or to the head in a directory. Returns the head too.

        Raises:
            UsageError: no such directory, a directory that is not a head, or an object of another type.
            StoreError: a file of it is missing or damaged.
        """
        if isinstance(given, Head):
            return cls(head_name(given), given.to_files()), given
        if not isinstance(given, str | PathLike):
            raise UsageError(f"heads: {given!r} is neither a head nor the directory of one")
        head = Head.load(given)
        # A relative path becomes absolute: workers may run in another folder.
        return cls(head_name(head), Objects.open(given).uri), head

    def __str__(self) -> str:
        """For messages: its directory, or its name."""
        return self.source if isinstance(self.source, str) else self.name

    def load(self) -> Head:
        """Load the head, on a worker.

        Raises:
            UsageError: no such directory here.
            StoreError: a file of it is missing or damaged, or the directory now holds another head.
        """
        if not isinstance(self.source, str):
            return Head.from_files(self.source, self.name)
        head = Head.load(self.source)
        if head_name(head) != self.name:
            raise StoreError(
                f"{self.source}: holds {head_name(head)}, and held {self.name} when the pipeline was made;"
                " make the pipeline anew"
            )
        return head


def refer_to_heads(given: Any) -> tuple[list[HeadReference], list[Head]]:
    """References to heads of the same features, and the heads.

    Args:
        given: one or several: `Head` objects, or directories of heads.

    Raises:
        UsageError: none is given, one is given twice, or one cannot be read.
        SpecMismatch: two take different features.
    """
    several_given: Sequence[Any] = [given] if isinstance(given, Head) else several(given, "heads")
    if not several_given:
        raise UsageError("no head is named; name at least one")
    references, heads = (list(each) for each in zip(*map(HeadReference.of, several_given), strict=True))
    require_different(heads)
    for reference, head in zip(references, heads, strict=True):
        head.require(heads[0].spec, f"head {reference}", f"head {references[0]}")
    return references, heads
