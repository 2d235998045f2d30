"""The names of the corpus columns that hold ids, texts and kept columns."""

from __future__ import annotations

from dataclasses import dataclass

from encore.encoders.documents import DOCUMENT_COLUMNS
from encore.featurestore.common import settle_fields
from encore.featurestore.documents import INDEX_SCHEMA
from encore.featurestore.errors import UsageError
from encore.tablefiles import ColumnSelection

RESERVED_COLUMNS = frozenset((*INDEX_SCHEMA.names, *DOCUMENT_COLUMNS))
"""Names that the document index and the document block use for their own columns."""


@dataclass(frozen=True)
class CorpusColumns:
    """Names of the corpus columns that a job reads.

    Attributes:
        doc_id: column of the ids, text or integers.
        text: column of the texts.
        pair: column of the second texts; None for single texts.
        keep: columns copied to the document index beside the features.

    Raises:
        UsageError: a name is missing or is given twice, or a kept column has a name of `RESERVED_COLUMNS`.
    """

    doc_id: str = "doc_id"
    text: str = "text"
    pair: str | None = None
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        settle_fields(self)
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
    def wanted(self) -> ColumnSelection:
        """The columns to read of every corpus file."""
        return ColumnSelection(self.doc_id, self._roles[1:], self.keep)

    @property
    def _roles(self) -> tuple[str, ...]:
        return (self.doc_id, self.text) if self.pair is None else (self.doc_id, self.text, self.pair)
