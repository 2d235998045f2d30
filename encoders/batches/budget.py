"""Batches by a budget of padded tokens: documents of like length together, so that little is computed on padding.

A batch of n documents costs n times its longest document. Batches depend on the lengths, the budget and the encoder
only, so that a rerun pads, and so rounds, in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

Index = npt.NDArray[np.int64]

CPU_BUDGET = 2048
"""On one CPU core, minilm on 1,536 news texts took the same time to 2 % at 512, 1,024 and 2,048 padded tokens, 3 % more
at 4,096 and 15 % more at 8,192. On two threads of a busy machine 1,024 was the slower one."""

CUDA_BUDGET = 32768
"""By arithmetic and not yet by measurement: the 24 hidden states of a large encoder (d = 1024) then take 1.6 GB in half
precision. A device with less room halves it."""


@dataclass(frozen=True)
class Padding:
    """How far a batch is padded beyond its longest document.

    Attributes:
        multiple: of what the padded tokens of a batch are a multiple, where its encoder is the better for it.
        limit: tokens that no document is padded beyond; None for no limit.
        equal_lengths: whether a batch has documents of one length alone, so that none is padded at all.
    """

    multiple: int = 1
    limit: int | None = None
    equal_lengths: bool = False

    def shape(self, documents: int, longest: int) -> tuple[int, int]:
        """(rows, length) of the smallest batch that takes so many documents; rows beyond theirs hold nothing.

        Where the limit leaves none that costs less than padding each document to the multiple, they are not padded.
        """
        shapes = ((-(-documents // step) * step, length) for length, step in self._lengths(longest))
        smallest = min(shapes, key=math.prod)
        fits = math.prod(smallest) <= documents * self._longest(longest)
        return smallest if fits else (documents, longest)

    def room(self, longest: int, budget: int) -> int:
        """How many documents fill a batch of so many padded tokens, so that no row holds nothing; 1 where none do.

        A smaller batch is taken before a longer padding: down to a fourth of the budget it costs nothing.
        """
        fits = (budget // length // step * step for length, step in self._lengths(longest))
        return next(filter(None, fits), 1)

    def _lengths(self, longest: int) -> Iterator[tuple[int, int]]:
        """The lengths that documents can be padded to, and of what their number then has to be a multiple."""
        for length in range(longest, self._longest(longest) + 1):
            if length == longest or (not self.equal_lengths and (self.limit is None or length <= self.limit)):
                yield length, self.multiple // math.gcd(length, self.multiple)

    def _longest(self, longest: int) -> int:
        """The length from which on any number of documents has the multiple."""
        return -(-longest // self.multiple) * self.multiple


NO_PADDING = Padding()
"""None beyond the longest document."""

EQUAL_LENGTHS = Padding(equal_lengths=True)
"""None at all: for an encoder in whose features padding shows."""


def default_budget(device: torch.device) -> int:
    """Padded tokens of a batch on this kind of device."""
    return CUDA_BUDGET if device.type == "cuda" else CPU_BUDGET


def longest_first(lengths: npt.NDArray[np.integer]) -> Index:
    """(documents,) int64: positions by falling length; documents of one length keep their order.

    Longest first, so that a batch too large for the device shows at once and not at the end of a block.
    """
    return np.argsort(-np.asarray(lengths, np.int64), kind="stable")


def split_by_budget(falling: npt.NDArray[np.integer], budget: int, padding: Padding = NO_PADDING) -> list[slice]:
    """Cut documents of these falling lengths into batches.

    Args:
        falling: (documents,) tokens of each document, longest first, each at least 1.
        budget: padded tokens that a batch may have; a document longer than that is a batch of its own.
        padding: how far batches are padded beyond their longest document.

    Returns:
        Slices that cover all documents in order, each as long as the budget allows.
    """
    batches = []
    start = 0
    while start < len(falling):
        longest = int(falling[start])
        stop = min(start + padding.room(longest, budget), len(falling))
        if padding.equal_lengths:
            stop = start + int(np.count_nonzero(falling[start:stop] == longest))
        batches.append(slice(start, stop))
        start = stop
    return batches
