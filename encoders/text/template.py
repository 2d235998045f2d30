"""Where a tokenizer puts its special tokens around a text, and around a pair of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from encore.featurestore.common import counted
from encore.featurestore.errors import UsageError

Ids = npt.NDArray[np.int32]

SAMPLE_TEXT = "a"


@dataclass(frozen=True, eq=False)
class Template:
    """What surrounds one text, or two: for BERT ``[CLS] a [SEP]`` and ``[CLS] a [SEP] b [SEP]``.

    Attributes:
        special: ids of the special tokens before, between and after the texts: one array more than there are texts.
        special_types: token types of these special tokens.
        text_types: token type of each text.
    """

    special: tuple[Ids, ...]
    special_types: tuple[Ids, ...]
    text_types: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Tokenizer, texts: int) -> Self:
        """The tokenizer's template for one text or two, as its own post-processor lays a probe out.

        Raises:
            UsageError: the tokenizer does not put each text once, in order, between special tokens.
        """
        encoding = tokenizer.encode(SAMPLE_TEXT, SAMPLE_TEXT if texts == 2 else None)
        ids, types = (np.array(values, np.int32) for values in (encoding.ids, encoding.type_ids))
        sequences = np.array([-1 if s is None else s for s in encoding.sequence_ids], np.int64)
        special = np.array(encoding.special_tokens_mask, bool)
        spans = [np.flatnonzero((sequences == text) & ~special) for text in range(texts)]
        # One run of tokens a text, one after the other: anything else is no template that can be filled in.
        cuts = [(span[0], span[-1] + 1) if len(span) else (-1, -1) for span in spans]
        inner = [special[start:stop].any() for start, stop in cuts]
        if any(inner) or min(start for start, _ in cuts) < 0 or cuts != sorted(cuts):
            raise UsageError(
                f"the tokenizer lays out {counted(texts, 'text')} in a way that Encore cannot follow:"
                f" {encoding.tokens};"
                " choose another encoder"
            )
        edges = [0, *(edge for cut in cuts for edge in cut), len(ids)]
        gaps = [slice(edges[i], edges[i + 1]) for i in range(0, len(edges), 2)]
        return cls(
            special=tuple(ids[gap] for gap in gaps),
            special_types=tuple(types[gap] for gap in gaps),
            text_types=tuple(int(types[start]) for start, _ in cuts),
        )

    @property
    def added(self) -> int:
        """Special tokens around each document."""
        return sum(len(ids) for ids in self.special)


def pair_separates(single: Template, pair: Template) -> bool:
    """Whether a pair has a separator of its own, so that the encoder can tell where one text ends."""
    return pair.added > single.added
