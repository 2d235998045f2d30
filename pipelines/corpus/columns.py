"""Which columns of a corpus hold what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from encoders.documents import DOCUMENT_COLUMNS
from featurestore.blocks import INDEX_SCHEMA
from featurestore.errors import UsageError

RESERVED_COLUMNS = frozenset((*INDEX_SCHEMA.names, *DOCUMENT_COLUMNS))
"""Names that the index and the document block give a meaning of their own."""


NAMES_LISTED = 20


def list_names(names: Sequence[str]) -> str:
    """Names as an error message lists them: all of them, or the first and how many more."""
    if not names:
        return "none"
    more = f" and {len(names) - NAMES_LISTED} more" if len(names) > NAMES_LISTED else ""
    return ", ".join(names[:NAMES_LISTED]) + more


@dataclass(frozen=True)
class CorpusColumns:
    """Names of the corpus columns that a job reads.

    Attributes:
        doc_id: column of the ids, text or integers.
        text: column of the texts.
        pair: column of the second texts; None for single texts.
        keep: columns copied to the document index beside the features.

    Raises:
        UsageError: a name is missing or serves twice, or a kept column bears a name that the index uses itself.
    """

    doc_id: str = "doc_id"
    text: str = "text"
    pair: str | None = None
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        roles = self._roles
        if "" in (*roles, *self.keep):
            raise UsageError("a corpus column has no name; name the id, text, pair and kept columns as the files do")
        if len(set(roles)) < len(roles):
            raise UsageError(f"corpus columns {', '.join(roles)}: id, text and pair are different columns")
        if len(set(self.keep)) < len(self.keep):
            raise UsageError(f"kept columns {', '.join(self.keep)}: name each column once")
        clashes = [name for name in self.keep if name in RESERVED_COLUMNS]
        if clashes:
            raise UsageError(
                f"kept columns {', '.join(clashes)}: the document index uses these names itself; "
                "rename them in the corpus, or leave them out"
            )

    @property
    def required(self) -> tuple[str, ...]:
        """Every column that a corpus file must have: id, text, pair, then kept ones that are none of these."""
        return self._roles + tuple(name for name in self.keep if name not in self._roles)

    @property
    def _roles(self) -> tuple[str, ...]:
        return (self.doc_id, self.text) if self.pair is None else (self.doc_id, self.text, self.pair)

    def require(self, uri: str, present: Sequence[str]) -> None:
        """Raise UsageError unless all columns are among those of a file, and none of them twice."""
        missing = [name for name in self.required if name not in present]
        there = list_names(present)
        if missing:
            raise UsageError(f"{uri}: no column {', '.join(missing)}; columns there: {there}")
        twice = [name for name in self.required if present.count(name) > 1]
        if twice:
            raise UsageError(f"{uri}: more than one column {', '.join(twice)}; columns there: {there}")
