"""How many tokens of each text are kept: ``longest_first`` of the tokenizers library, for a whole block at once.

The library's own truncation builds every part that it cuts off, and for a pair every combination of parts. For two long
texts that takes quadratic memory. It is also a state of the tokenizer, which threads share.
"""

from __future__ import annotations

import numpy as np

from encore.featurestore.common import Int64s


def kept_of_single(lengths: Int64s, room: int) -> Int64s:
    """Number of tokens that are kept of texts of these lengths, where ``room`` tokens fit."""
    return np.minimum(lengths, room)


def kept_of_pair(first: Int64s, second: Int64s, room: int) -> tuple[Int64s, Int64s]:
    """Number of tokens that are kept of both texts of pairs, where ``room`` tokens fit together.

    The longer text is cut to the room that the shorter one leaves. If the shorter text is longer than half the room,
    both are cut to half. An odd token goes to the longer text, or to the second of two equally long texts. A text that
    was not counted (`encore.encoders.text.token_ids.UNCOUNTED`) is longer than any counted one. Two such texts are
    equally long.
    """
    shorter, longer = np.minimum(first, second), np.maximum(first, second)
    both = 2 * shorter > room
    kept_shorter = np.where(both, room // 2, shorter)
    kept_longer = np.minimum(longer, room - kept_shorter)
    swap = first > second
    return np.where(swap, kept_longer, kept_shorter), np.where(swap, kept_shorter, kept_longer)
