"""Tokenizing texts without special tokens. Long texts are read in windows. A text that fails does not harm others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from tokenizers import Tokenizer

from encore.encoders.batches import REASON_LENGTH
from encore.encoders.text.template import Ids
from encore.encoders.text.windows import Windows
from encore.featurestore.common import Int64s, first_line, panics_as_errors

UNCOUNTED = 1 << 40
"""Length of a text that was not tokenized as a whole: more than any counted length."""


@dataclass(frozen=True, eq=False)
class TextIds:
    """Token ids of some texts.

    Attributes:
        ids: (tokens,) int32, one text after another.
        held: (texts,) int64: number of these ids that each text has.
        lengths: (texts,) int64: tokens of the whole text; `UNCOUNTED` where the text was not tokenized as a whole.
        failures: position of a text on which the library fails → reason. Such a text has no tokens.
    """

    ids: Ids
    held: Int64s
    lengths: Int64s
    failures: Mapping[int, str]


@dataclass(frozen=True, eq=False)
class TextTokenizer:
    """Tokenizes each text as far as the max length can need.

    Attributes:
        tokenizer: fast tokenizer without truncation and padding.
        windows: reads one end of a long text. It wants at least one token more than is ever kept.
    """

    tokenizer: Tokenizer = field(repr=False)
    windows: Windows

    @classmethod
    def build(cls, tokenizer: Tokenizer, max_length: int, side: str) -> TextTokenizer:
        """A tokenizer for documents of up to ``max_length`` tokens, whose texts are cut on this side."""
        wanted = max_length + 1
        longest_word = getattr(tokenizer.model, "max_input_chars_per_word", 0)
        special = tokenizer.get_added_tokens_decoder().values()
        swallows = any(token.lstrip if side == "right" else token.rstrip for token in special)
        return cls(tokenizer, Windows(wanted, wanted + longest_word, side, swallows))

    def encode(self, texts: list[str]) -> TextIds:
        """Ids of the texts, in order."""
        failures: dict[int, str] = {}
        ends: dict[int, list[int]] = {}
        longest = self.windows.longest_whole
        for at in (at for at, text in enumerate(texts) if len(text) > longest):
            try:
                end = self.windows.tokens(texts[at], self._ids)
            except Exception as error:  # noqa: BLE001 (as in `_each`)
                end, failures[at] = [], _reason(error)
            if end is not None:
                ends[at] = end
        rows = self._each(texts, [at for at in range(len(texts)) if at not in ends], failures)
        for at in sorted(ends):
            rows.insert(at, ends[at])
        held = np.fromiter(map(len, rows), np.int64, len(rows))
        lengths = held.copy()
        lengths[[at for at in ends if at not in failures]] = UNCOUNTED
        return TextIds(np.fromiter(chain.from_iterable(rows), np.int32, int(held.sum())), held, lengths, failures)

    def _each(self, texts: list[str], places: list[int], failures: dict[int, str]) -> list[list[int]]:
        """Ids of the texts at these places. Where the library fails, halving finds the faulty texts."""
        try:
            return self._ids([texts[at] for at in places])
        except Exception as error:  # noqa: BLE001 (the library raises Exception itself; becomes a dead letter)
            if len(places) == 1:
                failures[places[0]] = _reason(error)
                return [[]]
        half = len(places) // 2
        return [ids for part in (places[:half], places[half:]) for ids in self._each(texts, part, failures)]

    @panics_as_errors()
    def _ids(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def _reason(error: Exception) -> str:
    """The library's error message, cut before the part that may quote the text."""
    said = re.split(r"[`'\"“‘]", first_line(error))[0].strip(" :;,")
    return ": ".join(["the tokenizer fails on it", *([said] if said else [])])[:REASON_LENGTH]
