"""The token ids of a block of documents, without padding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from encore.encoders.batches.budget import NO_PADDING, Padding
from encore.featurestore.common import Int64s
from encore.featurestore.documents import offsets_of, rows_of


@dataclass(frozen=True, eq=False)
class TokenBlock:
    """Tokens of some documents, one after another. Document i has tokens ``offsets[i]:offsets[i + 1]``.

    Attributes:
        ids: (tokens,) int32.
        types: (tokens,) int32 token types: which text of a pair a token belongs to.
        special: (tokens,) bool: tokens that the template added.
        offsets: (documents + 1,) int64.
        truncated: (documents,) bool: whether tokens were cut off.
        first_lengths: (documents,) int64: tokens before the second text's own; all tokens where there is one text.
        failures: position of a document on which the tokenizer fails → reason. Such a document has only special tokens.
    """

    ids: npt.NDArray[np.int32]
    types: npt.NDArray[np.int32]
    special: npt.NDArray[np.bool_]
    offsets: Int64s
    truncated: npt.NDArray[np.bool_]
    first_lengths: Int64s
    failures: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.truncated)

    @property
    def lengths(self) -> Int64s:
        """(documents,) int64: tokens of each document, special ones included."""
        return self.offsets[1:] - self.offsets[:-1]

    def count(self, tokens: npt.NDArray[np.bool_]) -> Int64s:
        """(documents,) int64: number of each document's tokens that ``tokens`` (tokens,) bool marks."""
        return np.diff(offsets_of(tokens.astype(np.int64))[self.offsets])

    @property
    def first(self) -> npt.NDArray[np.bool_]:
        """(tokens,) bool: whether a token comes before the second text's own."""
        within = rows_of(np.zeros_like(self.lengths), self.lengths)
        return within < np.repeat(self.first_lengths, self.lengths)

    def padded(
        self, documents: Int64s, fill: int, padding: Padding = NO_PADDING
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], Int64s]:
        """A padded batch of the documents at these positions, with empty rows if ``padding`` asks for them.

        Returns:
            real: (rows, length) bool: True for tokens, False for padding, which is on the right and in empty rows.
            ids: (rows, length) int64, ``fill`` where there is padding.
            source: (real tokens,) int64: where the batch's tokens lie in this block, in the order of ``real``.
        """
        lengths = self.lengths[documents]
        real = np.zeros(padding.shape(len(documents), int(lengths.max())), bool)
        real[: len(documents)] = np.arange(real.shape[1]) < lengths[:, None]
        source = rows_of(self.offsets[documents], lengths)
        ids = np.full(real.shape, fill, np.int64)
        ids[real] = self.ids[source]
        return real, ids, source

    @staticmethod
    def concatenate(blocks: list[TokenBlock]) -> TokenBlock:
        """Join blocks in order to one. An empty list gives an empty block."""
        lengths = np.concatenate([np.zeros(0, np.int64), *(block.lengths for block in blocks)])
        starts = accumulate((len(block) for block in blocks), initial=0)
        return TokenBlock(
            ids=np.concatenate([np.zeros(0, np.int32), *(block.ids for block in blocks)]),
            types=np.concatenate([np.zeros(0, np.int32), *(block.types for block in blocks)]),
            special=np.concatenate([np.zeros(0, bool), *(block.special for block in blocks)]),
            offsets=offsets_of(lengths),
            truncated=np.concatenate([np.zeros(0, bool), *(block.truncated for block in blocks)]),
            first_lengths=np.concatenate([np.zeros(0, np.int64), *(block.first_lengths for block in blocks)]),
            failures={
                start + at: reason
                for start, block in zip(starts, blocks, strict=False)
                for at, reason in block.failures.items()
            },
        )
