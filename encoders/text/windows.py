"""The tokens at one end of a long text, from a window of it: the first 256 of 20 MB need no more than some pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Tokenize = Callable[[list[str]], list[list[int]]]

WINDOW = 1 << 15
"""Characters of the first window, or `CHARACTERS` for each token that is wanted where that is more."""
CHARACTERS = 16
EDGES = 16
"""Times that a window is tokenized, each time a character shorter: no piece of a SentencePiece model is longer."""


@dataclass(frozen=True)
class Windows:
    """Tokenizes windows of a long text until the tokens at one end of it are certain.

    Where a window ends, it may end a word, a run or a normalized character that goes on, and a tokenizer without words
    may carry that far back. So a window is tokenized `EDGES` times, each time one character shorter. Its tokens count
    if all of them agree on those that are wanted, and if enough others lie between these and the edge; else it doubles,
    up to the whole text. So it does where its outer half is white space that a special token behind it may swallow.
    Agreement is what is needed: what a BPE, a Unigram model or a scan by a regular expression
    makes of a text is, on either side of a boundary of its tokens, what it makes of that side alone; and the whole text
    has such a boundary within a token's length of the window's edge.

    Attributes:
        wanted: tokens that have to be right.
        between: other tokens that have to lie between them and the window's edge: at least as many as a word has
            characters that is not unknown for its length alone.
        side: ``right`` where the end of the text is cut off, ``left`` where its start is.
        swallows: whether a special token behind the edge takes the white space before it into itself.
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
        """Characters of the longest text that costs no more than its windows would."""
        return EDGES * self.shortest

    def tokens(self, text: str, tokenize: Tokenize) -> list[int] | None:
        """The first or last ``wanted`` tokens of a text; None where that takes the whole text.

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
