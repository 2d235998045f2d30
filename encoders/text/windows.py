"""The tokens at one end of a long text, from a window: the first 256 tokens of 20 MB need only some pages of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Tokenize = Callable[[list[str]], list[list[int]]]

WINDOW = 1 << 15
"""Least characters of the first window; it has `CHARACTERS` for each wanted token if that is more."""
CHARACTERS = 16
EDGES = 16
"""Times that a window is tokenized, each time one character shorter. No piece of a SentencePiece model has more
characters than this."""


@dataclass(frozen=True)
class Windows:
    """Tokenizes windows of a long text until the tokens at one end of it are certain.

    The edge of a window may cut a word, a run, or a normalized character in two. In a tokenizer without words the
    effect may reach far back. So a window is tokenized `EDGES` times, each time one character shorter. Its tokens are
    certain if two things hold: all `EDGES` results agree on the wanted tokens, and enough other tokens lie between
    these and the edge. Else the window doubles, up to the whole text. The window also doubles if its outer half is
    white space, which a special token behind it may swallow.

    Agreement is enough for this reason. The whole text has a token boundary within a token's length of the window's
    edge. On each side of a token boundary, a BPE model, a Unigram model or a scan by a regular expression gives the
    tokens that it gives for that side alone.

    Attributes:
        wanted: number of tokens that must be right.
        between: least number of other tokens between them and the window's edge. It must be at least the characters of
            the longest word that does not become unknown only for its length.
        side: ``right`` where the end of the text is cut off, ``left`` where its start is.
        swallows: whether a special token includes the white space before it, beyond the window's edge.
    """

    wanted: int
    between: int
    side: str
    swallows: bool = True

    @property
    def shortest(self) -> int:
        """Characters of the first window."""
        return max(WINDOW, CHARACTERS * self.wanted)

    @property
    def longest_whole(self) -> int:
        """Characters of the longest text whose tokenization as a whole costs no more than its windows."""
        return EDGES * self.shortest

    def tokens(self, text: str, tokenize: Tokenize) -> list[int] | None:
        """The first or last ``wanted`` tokens of a text; None where only the whole text makes them certain.

        Args:
            text: any text.
            tokenize: token ids of texts, without special tokens.
        """
        window = self.shortest
        while len(text) > EDGES * window:
            (longest,) = tokenize([self._end(text, window)])
            swallowed = self.swallows and self._outer_half(text, window).isspace()
            if len(longest) >= self.wanted + self.between and not swallowed:
                shorter = tokenize([self._end(text, window - edge) for edge in range(1, EDGES)])
                found = self._wanted(longest)
                if all(self._wanted(ids) == found for ids in shorter):
                    return found
            window *= 2
        return None

    def _end(self, text: str, characters: int) -> str:
        return text[:characters] if self.side == "right" else text[-characters:]

    def _outer_half(self, text: str, window: int) -> str:
        half = window // 2
        return text[half:window] if self.side == "right" else text[-window:-half]

    def _wanted(self, ids: list[int]) -> list[int]:
        return ids[: self.wanted] if self.side == "right" else ids[-self.wanted :]
