"""Dead letters: rejected rows with stage and reason. Also the limit on how many a job may have."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from encore.featurestore.documents import DIGEST_BYTES
from encore.pipelines.limits import Limit

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


@dataclass(frozen=True)
class DeadLetter:
    """One rejected input.

    Attributes:
        doc_id: the document's id; None where it is missing, or is what was wrong.
        file: uri of the corpus file.
        row: number of the row (Parquet), the line (JSON Lines) or the record after the header (CSV), from 0.
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


class DeadLetterLimit(Limit):
    """How many dead letters a job may have and still commit: 1 % of the documents, or 10 where that is more."""

    NAME = "dead-letter limit"
    OF = "the documents"
    DEFAULT = (10, Decimal("0.01"))
