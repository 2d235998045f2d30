"""Finding the stored rows of a word's sub-words: tokenize its sentence again, and check it against the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.encoders import Encoder
from encore.encoders.text import BlockTokenizer, kept_of_single
from encore.featurestore import Catalogue, StoreError, UsageError
from encore.featurestore.common import Int64s
from encore.featurestore.documents import offsets_of, rows_of, text_digests

SENTENCES_AT_ONCE = 4096
"""Sentences tokenized at a time: the library's encodings take some 50 times the bytes of the text."""


@dataclass(frozen=True, eq=False)
class SentenceTokens:
    """The tokens of a corpus of sentences as a store holds them, with the characters that each one stands for.

    Attributes:
        starts, stops: (tokens,) int64 characters of the sentence, of every token before truncation, special ones not
            among them.
        lengths: (sentences,) tokens of each.
        cut: (sentences,) number of tokens that truncation removes at the start of a sentence.
        kept: (sentences,) number of tokens that truncation leaves.
        before: special tokens in front of a sentence.
        added: special tokens around it.
    """

    starts: Int64s
    stops: Int64s
    lengths: Int64s
    cut: Int64s
    kept: Int64s
    before: int
    added: int

    @classmethod
    def of(cls, texts: pa.ChunkedArray, tokenizer: BlockTokenizer) -> SentenceTokens:
        """Tokenize the sentences as `BlockTokenizer` does; beside the ids the library says where tokens lie."""
        parts = [_spans(part, tokenizer) for part in _parts(texts)]
        spans, lengths = (np.concatenate(found) for found in zip(*parts, strict=True))
        kept = kept_of_single(lengths, tokenizer.text.max_length - tokenizer.single.added)
        left = tokenizer.text.truncation_side == "left"
        return cls(
            starts=spans[:, 0],
            stops=spans[:, 1],
            lengths=lengths,
            cut=lengths - kept if left else np.zeros_like(kept),
            kept=kept,
            before=len(tokenizer.single.special[0]),
            added=tokenizer.single.added,
        )

    @property
    def stored(self) -> Int64s:
        """(sentences,) rows that a store has of each sentence, special tokens included."""
        return self.kept + self.added

    def rows(self, sentences: Int64s, starts: Int64s, stops: Int64s) -> WordRows:
        """The rows from the first to the last token that shares a character with the target.

        Between them there may be one that stands for no character: a space inside a multi-word expression.

        Args:
            sentences: (n,) the sentence of each instance.
            starts: (n,) first character of its target.
            stops: (n,) the character behind it.
        """
        lengths = self.lengths[sentences]
        owners = np.repeat(np.arange(len(sentences)), lengths)
        tokens = rows_of(offsets_of(self.lengths)[sentences], lengths)
        places = rows_of(np.zeros_like(lengths), lengths) - self.cut[sentences][owners]
        inside = (places >= 0) & (places < self.kept[sentences][owners])
        shared = np.minimum(self.stops[tokens], stops[owners]) > np.maximum(self.starts[tokens], starts[owners])
        found, starting, several = np.unique(owners[inside & shared], return_index=True, return_counts=True)
        first, last = (places[inside & shared][at] for at in (starting, starting + several - 1))
        firsts, counts = np.zeros((2, len(sentences)), np.int64)
        firsts[found] = first + self.before
        counts[found] = last - first + 1
        return WordRows(sentences, firsts, counts)


@dataclass(frozen=True, eq=False)
class WordRows:
    """Where the sub-words of each instance's target lie; they are neighbours.

    Attributes:
        sentences: (n,) the sentence of each instance.
        first: (n,) row within the sentence of the first sub-word.
        counts: (n,) sub-words; 0 where truncation has cut the target off, or no token stands for it.
    """

    sentences: Int64s
    first: Int64s
    counts: Int64s

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """(n,) whether the target has a stored row."""
        return self.counts > 0

    @staticmethod
    def concatenate(*parts: WordRows) -> WordRows:
        """The instances of all parts, in order."""
        fields = ("sentences", "first", "counts")
        return WordRows(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def check_stored(store: Catalogue, encoder: Encoder, sentences: pa.Table, tokens: SentenceTokens) -> None:
    """Check that the store holds these sentences, with the aligned tokens.

    Raises:
        UsageError: the store was made with another tokenizer.
        StoreError: a sentence is missing, or has other text or another number of tokens; the text names it.
    """
    if store.spec.encoder.tokenizer != encoder.spec.tokenizer:
        raise UsageError(f"{store.uri}: was made with another tokenizer than {encoder.spec.name}'s; name another --out")
    held = store.documents(["doc_id", "text_digest", "n_tokens"])
    places = pc.index_in(sentences["doc_id"], value_set=held["doc_id"])
    _refuse(places.is_null(), sentences, store, "is not stored", "see its dead letters, and mend or leave out the text")
    held = held.take(places)
    same_text = pc.equal(held["text_digest"], text_digests(sentences["text"]))
    _refuse(pc.invert(same_text), sentences, store, "is stored with another text")
    same_length = pc.equal(held["n_tokens"], pa.array(tokens.stored))
    _refuse(pc.invert(same_length), sentences, store, "is stored with another number of tokens")


def _refuse(
    wrong: pa.ChunkedArray,
    sentences: pa.Table,
    store: Catalogue,
    reason: str,
    remedy: str = "remove the store and run the experiment again",
) -> None:
    refused = sentences.filter(wrong)
    if len(refused):
        raise StoreError(f"{store.uri}: document {refused['doc_id'][0]} {reason}; {remedy}")


def _parts(texts: pa.ChunkedArray) -> Iterator[list[str]]:
    for start in range(0, max(1, len(texts)), SENTENCES_AT_ONCE):
        yield texts[start : start + SENTENCES_AT_ONCE].to_pylist()


def _spans(texts: list[str], tokenizer: BlockTokenizer) -> tuple[Int64s, Int64s]:
    """(tokens, 2) characters of every token, one text after another, and (texts,) tokens of each."""
    encodings = tokenizer.tokenizer.encode_batch(texts, add_special_tokens=False)
    lengths = np.fromiter(map(len, encodings), np.int64, len(encodings))
    edges = chain.from_iterable(chain.from_iterable(encoding.offsets for encoding in encodings))
    return np.fromiter(edges, np.int64, 2 * int(lengths.sum())).reshape(-1, 2), lengths
