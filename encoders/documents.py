"""A block of documents: ids, with one text or a pair of texts each."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from encore.featurestore.documents import key_hashes, text_digests

DOCUMENT_COLUMNS = ("doc_id", "key_hash", "text_digest", "text", "pair")
"""Columns of every document block. The kept columns of the corpus follow them."""


@dataclass(frozen=True)
class DocumentBlock:
    """Valid documents, in corpus order.

    Attributes:
        table: `DOCUMENT_COLUMNS` (ids and texts are strings, never null; ``pair`` is null for a single text) and the
            corpus columns that are kept beside the features.
    """

    table: pa.Table

    @classmethod
    def build(
        cls, doc_ids: pa.Array, texts: pa.Array, pairs: pa.Array | None = None, kept: pa.Table | None = None
    ) -> DocumentBlock:
        """Make a block from valid ids and texts. This computes hashes and digests."""
        columns = {
            "doc_id": doc_ids,
            "key_hash": key_hashes(doc_ids),
            "text_digest": text_digests(texts, pairs),
            "text": texts,
            "pair": pa.nulls(len(texts), pa.string()) if pairs is None else pairs,
        }
        table = pa.table(columns)
        if kept is not None:
            for name in kept.column_names:
                table = table.append_column(kept.schema.field(name), kept[name])
        return cls(table)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.table)

    @property
    def index_columns(self) -> pa.Table:
        """All columns that the document index keeps: everything but the texts."""
        return self.table.drop_columns(["text", "pair"])
