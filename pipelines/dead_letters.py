"""Dead letters: rejected inputs, kept with stage and reason, and the limit on how many a job may have."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from featurestore.errors import UsageError
from featurestore.identity import DIGEST_BYTES

DEAD_LETTER_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string()),
        pa.field("file", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("text_digest", pa.binary(DIGEST_BYTES)),
    ]
)
"""Columns of a dead-letter file. There is no column for the text: it may be personal."""

DEFAULT_SHARE = Decimal("0.01")
DEFAULT_COUNT = 10


@dataclass(frozen=True)
class DeadLetter:
    """One rejected input.

    Attributes:
        doc_id: the document's id; None where it is missing, or is what was wrong.
        file: uri of the corpus file.
        row: row of the file, counted from 0: its row (Parquet), line (JSON Lines) or record after the header (CSV).
        stage: ``read``, ``validate``, ``tokenize`` or ``encode``.
        reason: what was wrong, as ``kind`` or ``kind: detail``; never the text.
        text_digest: sha256 of the text and pair, as the store would have kept it; None where there is no text.
    """

    doc_id: str | None
    file: str
    row: int
    stage: str
    reason: str
    text_digest: bytes | None = None

    @property
    def kind(self) -> str:
        """The reason without its detail: what a report counts by."""
        return self.reason.partition(":")[0]


def dead_letter_table(letters: Iterable[DeadLetter]) -> pa.Table:
    """Dead letters as a table of `DEAD_LETTER_SCHEMA`, in order."""
    return pa.Table.from_pylist([vars(letter) for letter in letters], schema=DEAD_LETTER_SCHEMA)


def dead_letters_to_parquet(letters: Iterable[DeadLetter]) -> bytes:
    """A Parquet file of `DEAD_LETTER_SCHEMA`; the same letters give the same bytes."""
    sink = io.BytesIO()
    pq.write_table(dead_letter_table(letters), sink, compression="zstd")
    return sink.getvalue()


def dead_letters_from_parquet(data: bytes) -> tuple[DeadLetter, ...]:
    """Inverse of `dead_letters_to_parquet`."""
    return tuple(DeadLetter(**row) for row in pq.read_table(pa.BufferReader(data)).to_pylist())


@dataclass(frozen=True)
class DeadLetterLimit:
    """How many dead letters a job may have and still commit.

    Attributes:
        count: this many.
        share: this share of the documents, 0 to 1. Where both are given, whichever allows more holds.

    Raises:
        UsageError: a negative count, or a share outside 0 to 1.
    """

    count: int | None = None
    share: Decimal | None = None

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 0:
            raise UsageError(f"dead-letter limit {self.count}: expected a count of 0 or more")
        if self.share is not None and not 0 <= self.share <= 1:
            raise UsageError(f"dead-letter limit {self.share}: expected a share between 0.0 and 1.0, or a count")

    @classmethod
    def parse(cls, text: str | None) -> DeadLetterLimit:
        """Read a count (``25``) or a share (``0.01``); None is the default, 1 % or 10 where that is more."""
        if text is None:
            return cls(DEFAULT_COUNT, DEFAULT_SHARE)
        if re.fullmatch(r"\d+", text, re.ASCII):
            return cls(count=int(text))
        if re.fullmatch(r"\d*\.\d+|\d+\.", text, re.ASCII):
            # Decimal, so that 1 % of 1,000 documents is 10 and not a little less.
            return cls(share=Decimal(text))
        raise UsageError(f"dead-letter limit {text!r}: expected a count such as 25, or a share such as 0.01")

    def most(self, documents: int) -> int:
        """The largest number of dead letters that a job over this many documents may have."""
        by_share = 0 if self.share is None else int(self.share * documents)
        return max(self.count or 0, by_share)

    def allows(self, dead: int, documents: int) -> bool:
        """Whether a job over this many documents may commit with this many dead letters."""
        return dead <= self.most(documents)

    def __str__(self) -> str:
        parts = [] if self.share is None else [f"{self.share * 100:f}".rstrip("0").rstrip(".") + " % of the documents"]
        parts += [] if self.count is None else [str(self.count)]
        return ", or ".join(parts) + (" where that is more" if len(parts) > 1 else "")
