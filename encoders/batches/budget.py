"""Batches by a budget of padded tokens. Documents of similar length go together, so that little padding is computed.

A batch of n documents costs n times its longest document. Batches depend only on the lengths, the budget and the
encoder. So a rerun pads in the same way, and its numbers round in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from encore.featurestore.common import Int64s

CPU_BUDGET = 2048
"""Padded tokens of a batch on a CPU. On one core, minilm on 1,536 news texts took the same time within 2 % at 512,
1,024 and 2,048 padded tokens, 3 % more at 4,096 and 15 % more at 8,192. On two threads of a busy machine 1,024 was
slower."""

CUDA_BUDGET = 32768
"""Padded tokens of a batch on CUDA, computed and not measured: the 24 hidden states of a large encoder (d = 1024) then
take 1.6 GB in half precision. If the device runs out of memory, the budget is halved."""


@dataclass(frozen=True)
class Padding:
    """How far a batch is padded beyond its longest document.

    Attributes:
        multiple: the number of padded tokens of a batch is a multiple of this, where that makes the encoder faster.
        limit: no document is padded beyond this many tokens; None for no limit.
        equal_lengths: whether all documents of a batch have one length, so that none is padded.
    """

    multiple: int = 1
    limit: int | None = None
    equal_lengths: bool = False

    def shape(self, documents: int, longest: int) -> tuple[int, int]:
        """(rows, length) of the smallest batch for this many documents. Rows after the documents are empty.

        There is no padding where, because of `limit`, every such batch costs more than padding each document to the
        multiple.
        """
        shapes = ((-(-documents // step) * step, length) for length, step in self._lengths(longest))
        smallest = min(shapes, key=math.prod)
        fits = math.prod(smallest) <= documents * self._longest(longest)
        return smallest if fits else (documents, longest)

    def room(self, longest: int, budget: int) -> int:
        """Number of documents that fit into a batch of ``budget`` padded tokens without empty rows; at least 1.

        A smaller batch is preferred to longer padding: down to a fourth of the budget it costs nothing.
        """
        fits = (budget // length // step * step for length, step in self._lengths(longest))
        return next(filter(None, fits), 1)

    def _lengths(self, longest: int) -> Iterator[tuple[int, int]]:
        """Each length that documents can be padded to, and the step: their number must be a multiple of it."""
        for length in range(longest, self._longest(longest) + 1):
            if length == longest or (not self.equal_lengths and (self.limit is None or length <= self.limit)):
                yield length, self.multiple // math.gcd(length, self.multiple)

    def _longest(self, longest: int) -> int:
        """The next length that is itself a multiple, so that any number of documents is allowed."""
        return -(-longest // self.multiple) * self.multiple


NO_PADDING = Padding()
"""No padding beyond the longest document."""

EQUAL_LENGTHS = Padding(equal_lengths=True)
"""No padding at all: for an encoder whose features change with padding."""


def default_budget(device: torch.device) -> int:
    """Default for the padded tokens of a batch on this kind of device."""
    return CUDA_BUDGET if device.type == "cuda" else CPU_BUDGET


def longest_first(lengths: npt.NDArray[np.integer]) -> Int64s:
    """(documents,) int64: positions by falling length. Documents of one length keep their order.

    The longest come first, so that a batch that is too large for the device fails at once, not at the end of a block.
    """
    return np.argsort(-np.asarray(lengths, np.int64), kind="stable")


def split_by_budget(falling: npt.NDArray[np.integer], budget: int, padding: Padding = NO_PADDING) -> list[slice]:
    """Cut documents, longest first, into batches.

    Args:
        falling: (documents,) tokens of each document, longest first, each at least 1.
        budget: padded tokens that a batch may have. A longer document is a batch of its own.
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
