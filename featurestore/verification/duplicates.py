"""Whether an id lives once in every snapshot: documents as intervals of snapshots, compared by key hash."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from encore.featurestore.common import Int64s
from encore.featurestore.documents import KeyArray

PARTITION_DOCUMENTS = 1 << 22
"""Documents that are sorted at a time."""
MOST_PARTITIONS = 1 << 12

LIFE = np.dtype([("high", "u8"), ("low", "u8"), ("born", "u4"), ("died", "u4"), ("segment", "u4"), ("document", "u4")])
"""One document of one segment: its key hash, the checked snapshots from ``born`` to before ``died`` that it is live in,
and where it lies."""

Lives = npt.NDArray[np.void]


@dataclass(frozen=True)
class Duplicate:
    """Two live documents of one id.

    Attributes:
        snapshot: ordinal of the first checked snapshot that holds both.
        first: ordinal of the segment and position in it of the one.
        second: the same of the other.
    """

    snapshot: int
    first: tuple[int, int]
    second: tuple[int, int]


def lives_of_segment(segment: int, keys: KeyArray, spans: Sequence[tuple[int, int, Int64s]]) -> Iterator[Lives]:
    """The lives of a segment's documents.

    Args:
        segment: its ordinal.
        keys: (documents, 2): key hashes, as `encore.featurestore.documents.keys.words` gives them.
        spans: (first, stop, deleted positions) of the neighbouring snapshots that list it alike, ascending.
    """
    none = -1
    born = np.full(len(keys), none, np.int64)
    end = 0
    for first, stop, deleted in spans:
        live = np.ones(len(keys), bool)
        live[deleted] = False
        if first != end:
            # The segment was not listed for a while.
            yield _lives(segment, keys, born, np.flatnonzero(born != none), end)
            born[:] = none
        yield _lives(segment, keys, born, np.flatnonzero((born != none) & ~live), first)
        born[~live] = none
        born[live & (born == none)] = first
        end = stop
    yield _lives(segment, keys, born, np.flatnonzero(born != none), end)


def _lives(segment: int, keys: KeyArray, born: Int64s, documents: Int64s, died: int) -> Lives:
    lives = np.empty(len(documents), LIFE)
    lives["high"], lives["low"] = keys[documents, 0], keys[documents, 1]
    lives["born"], lives["died"] = born[documents], died
    lives["segment"], lives["document"] = segment, documents
    return lives


class LifeFiles:
    """The lives of a store's documents, in temporary files by key hash, so that memory holds only some of them.

    Threads may add at the same time.
    """

    def __init__(self, folder: str, documents: int) -> None:
        wanted = min(MOST_PARTITIONS, max(1, documents // PARTITION_DOCUMENTS))
        self._shift = np.uint64(64 - (wanted - 1).bit_length())
        self._parts = [Path(folder) / f"{number}" for number in range(1 << (wanted - 1).bit_length())]
        self._locks = [threading.Lock() for _ in self._parts]

    def add(self, lives: Lives) -> None:
        """Take in some lives."""
        if len(self._parts) == 1:
            self._append(0, lives)
            return
        part = (lives["high"] >> self._shift).astype(np.int64)
        order = np.argsort(part, kind="stable")
        numbers, starts = np.unique(part[order], return_index=True)
        for number, here in zip(numbers.tolist(), np.split(order, starts[1:]), strict=False):
            self._append(number, lives[here])

    def duplicates(self) -> Iterator[Duplicate]:
        """Pairs of documents of one id that are live at the same time."""
        for path in self._parts:
            if path.exists():
                yield from _duplicates(np.fromfile(path, LIFE))

    def _append(self, number: int, lives: Lives) -> None:
        with self._locks[number], self._parts[number].open("ab") as file:
            lives.tofile(file)


def _duplicates(lives: Lives) -> Iterator[Duplicate]:
    """Neighbours in the order of (key, born) suffice: if two lives overlap, the first overlaps with its neighbour."""
    lives = lives[lives["born"] < lives["died"]]
    lives = lives[np.lexsort((lives["born"], lives["low"], lives["high"]))]
    one, other = lives[:-1], lives[1:]
    same = (one["high"] == other["high"]) & (one["low"] == other["low"]) & (other["born"] < one["died"])
    for a, b in zip(one[same].tolist(), other[same].tolist(), strict=True):
        yield Duplicate(snapshot=b[2], first=(a[4], a[5]), second=(b[4], b[5]))
