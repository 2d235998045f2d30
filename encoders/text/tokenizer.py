"""Makes tokens of documents by the spec's text part: truncated, joined by the tokenizer's templates, not padded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer

from encore.encoders.batches import TokenBlock
from encore.encoders.documents import DocumentBlock
from encore.encoders.text.template import Ids, Template, pair_separates
from encore.encoders.text.token_ids import TextTokenizer
from encore.encoders.text.truncation import kept_of_pair, kept_of_single
from encore.featurestore.common import Int64s
from encore.featurestore.documents import offsets_of, rows_of
from encore.featurestore.errors import UsageError
from encore.featurestore.spec import TextSpec

SLICE_BYTES = 1 << 19
"""Bytes of text that are tokenized at a time: the library's encodings take some 50 times as much memory."""


@dataclass(frozen=True, eq=False)
class BlockTokenizer:
    """Tokenizes whole blocks under one text spec.

    Safe in many threads at once: the tokenizer's own truncation and padding, which are shared state, are not used.

    Attributes:
        tokenizer: fast tokenizer without truncation and padding.
        text: how text becomes tokens.
        single: template of one text.
        pair: template of two texts; None where the tokenizer has none that separates them.

    Raises:
        UsageError: the max length has no room for a single token of text.
    """

    tokenizer: Tokenizer = field(repr=False)
    text: TextSpec
    single: Template
    pair: Template | None

    def __post_init__(self) -> None:
        self._check_room(self.single, 1)

    @classmethod
    def build(cls, tokenizer: Tokenizer, text: TextSpec) -> BlockTokenizer:
        """Make a block tokenizer from a fast tokenizer and its templates."""
        single, pair = Template.of(tokenizer, 1), Template.of(tokenizer, 2)
        return cls(tokenizer, text, single, pair if pair_separates(single, pair) else None)

    def check_pairs(self) -> None:
        """Raise UsageError unless pairs of texts can be tokenized."""
        if self.pair is None:
            raise UsageError("pairs: this encoder's tokenizer has no pair template; leave out the pair column")
        self._check_room(self.pair, 2)

    def _check_room(self, template: Template, texts: int) -> None:
        if self.text.max_length < template.added + texts:
            raise UsageError(
                f"max length {self.text.max_length}: the tokenizer adds {template.added} special tokens to"
                f" {'a text' if texts == 1 else 'a pair'}; ask for at least {template.added + texts}"
            )

    def tokenize(self, documents: DocumentBlock) -> TokenBlock:
        """Tokenize every document, in order. A document without real tokens has only special tokens.

        Raises:
            UsageError: the block has pairs, and pairs cannot be tokenized.
        """
        texts, pairs = documents.table["text"], documents.table["pair"]
        if pairs.null_count < len(pairs):
            self.check_pairs()
        tokenizer = TextTokenizer.build(self.tokenizer, self.text.max_length, self.text.truncation_side)
        return TokenBlock.concatenate(
            [self._slice(tokenizer, texts[start:stop], pairs[start:stop]) for start, stop in _slices(texts, pairs)]
        )

    def _slice(self, tokenizer: TextTokenizer, texts: pa.ChunkedArray, pairs: pa.ChunkedArray) -> TokenBlock:
        paired = pc.is_valid(pairs).to_numpy()
        first, second = tokenizer.encode(texts.to_pylist()), tokenizer.encode(pairs.drop_null().to_pylist())
        lengths, held = np.zeros((2, len(texts), 2), np.int64)
        lengths[:, 0], held[:, 0] = first.lengths, first.held
        lengths[paired, 1], held[paired, 1] = second.lengths, second.held
        kept = lengths.copy()
        kept[~paired, 0] = kept_of_single(lengths[~paired, 0], self.text.max_length - self.single.added)
        if self.pair is not None:
            room = self.text.max_length - self.pair.added
            kept[paired, 0], kept[paired, 1] = kept_of_pair(lengths[paired, 0], lengths[paired, 1], room)
        starts = np.stack([offsets_of(held[:, 0])[:-1], len(first.ids) + offsets_of(held[:, 1])[:-1]], axis=1)
        if self.text.truncation_side == "left":
            starts += held - kept
        places = np.flatnonzero(paired)
        failures = {**{int(places[at]): reason for at, reason in second.failures.items()}, **first.failures}
        return self._lay_out(np.concatenate([first.ids, second.ids]), held, starts, kept, paired, failures)

    def _lay_out(
        self,
        ids: Ids,
        held: Int64s,
        starts: Int64s,
        kept: Int64s,
        paired: npt.NDArray[np.bool_],
        failures: Mapping[int, str],
    ) -> TokenBlock:
        """Put special tokens around the kept tokens of all documents, in one gather.

        All tokens lie in one pool: ``ids`` of all first texts, then of all second texts, then the special tokens of
        both templates. A document is five runs of the pool: special, text, special, text, special. Without a second
        text its runs are empty. ``held``, ``starts`` and ``kept`` are (documents, 2), one column for each text.
        """
        pair = self.pair or self.single
        gaps = (*self.single.special, *pair.special)
        gap_lengths = np.array([len(gap) for gap in gaps], np.int64)
        gap_starts = len(ids) + offsets_of(gap_lengths)[:-1]
        # The template of one text has no third gap: its last run has length 0.
        of_single, of_pair = [0, 1, 0], [2, 3, len(gaps) - 1]
        run_starts = np.empty((len(kept), 5), np.int64)
        run_lengths = np.empty((len(kept), 5), np.int64)
        run_starts[:, 1::2], run_lengths[:, 1::2] = starts, kept
        run_starts[:, ::2] = np.where(paired[:, None], gap_starts[of_pair], gap_starts[of_single])
        run_lengths[:, ::2] = np.where(paired[:, None], gap_lengths[of_pair], gap_lengths[of_single] * [1, 1, 0])
        rows = rows_of(run_starts.ravel(), run_lengths.ravel())

        first_types = np.where(paired, pair.text_types[0], self.single.text_types[0]).astype(np.int32)
        second_types = np.full(int(held[:, 1].sum()), pair.text_types[-1], np.int32)
        pool_types = (np.repeat(first_types, held[:, 0]), second_types)
        types = np.concatenate([*pool_types, *self.single.special_types, *pair.special_types])
        return TokenBlock(
            ids=np.concatenate([ids, *gaps])[rows],
            types=types[rows],
            special=rows >= len(ids),
            offsets=offsets_of(run_lengths.sum(axis=1)),
            truncated=np.any(kept < held, axis=1),
            first_lengths=run_lengths[:, :3].sum(axis=1),
            failures=failures,
        )


def _slices(texts: pa.ChunkedArray, pairs: pa.ChunkedArray) -> list[tuple[int, int]]:
    """Cut documents, in order, into slices of some `SLICE_BYTES` of text."""
    size = pc.add(pc.binary_length(texts), pc.fill_null(pc.binary_length(pairs), 0))
    ends = np.cumsum(size.to_numpy().astype(np.int64))
    cuts = np.flatnonzero(np.diff(ends // SLICE_BYTES)) + 1
    edges = [0, *cuts.tolist(), len(texts)]
    return [(start, stop) for start, stop in pairwise(edges) if start < stop]
