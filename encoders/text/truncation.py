"""How many tokens of each text are kept: the tokenizers library's ``longest_first``, for a whole block at once.

The library's own truncation also builds every part it cuts off, and for a pair every combination of them: for two long
texts that is quadratic in memory. It is also state of a tokenizer that threads share.
"""

from __future__ import annotations

import numpy as np

from encore.encoders.batches import Index


def kept_of_single(lengths: Index, room: int) -> Index:
    """Tokens kept of texts of these lengths where ``room`` tokens fit."""
    return np.minimum(lengths, room)


def kept_of_pair(first: Index, second: Index, room: int) -> tuple[Index, Index]:
    """Tokens kept of both texts of pairs where ``room`` tokens fit together.

    The longer text is cut to what the shorter one leaves, and both to half the room where the shorter one is longer
    than that; an odd token goes to the longer text, and to the second of two equally long ones. A text whose tokens
    were not counted (`encore.encoders.text.token_ids.UNCOUNTED`) is longer than any that were, and two such are equally
    long.
    """
    shorter, longer = np.minimum(first, second), np.maximum(first, second)
    both = 2 * shorter > room
    kept_shorter = np.where(both, room // 2, shorter)
    kept_longer = np.minimum(longer, room - kept_shorter)
    swap = first > second
    return np.where(swap, kept_longer, kept_shorter), np.where(swap, kept_shorter, kept_longer)
