"""Memory that is used again once no array refers to it any more.

The kernel clears fresh memory page by page before it hands it out, which takes longer than a read from the page cache
that fills it. A reader that drops each block before it reads the next but one needs no fresh memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

STEP = 1 << 20
"""The size of a piece is a multiple of these bytes, so that a piece serves blocks of similar sizes."""
SPARE = 2
"""Pieces that are kept for the next blocks."""

Piece = npt.NDArray[np.uint8]


class BufferPool:
    """Arrays whose memory comes back here when the last view of it is gone; threads may share it."""

    def __init__(self) -> None:
        self._spare: list[Piece] = []

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """An array of any content, as `numpy.empty` makes it; it may outlive this object."""
        size = math.prod(shape) * dtype.itemsize
        values: npt.NDArray[Any] = np.asarray(_Buffer(self._piece(size), self._spare))[:size].view(dtype).reshape(shape)
        return values

    def _piece(self, size: int) -> Piece:
        """A spare piece, or a new one where none is large enough."""
        while True:
            try:
                piece = self._spare.pop()
            except IndexError:
                return np.empty(-(-size // STEP) * STEP, np.uint8)
            # A piece that is too small is dropped: the next block is more likely as large as this one.
            if size <= len(piece):
                return piece


class _Buffer:
    """The owner of a piece: arrays and all their views refer to it, and nothing else does."""

    def __init__(self, piece: Piece, spare: list[Piece]) -> None:
        self.__array_interface__ = piece.__array_interface__
        self._piece, self._spare = piece, spare

    def __del__(self) -> None:
        """Give the piece back."""
        if len(self._spare) < SPARE:
            self._spare.append(self._piece)
