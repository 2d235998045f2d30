"""Batches that are decoded once and read by several readers, on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

from encore.heads.batches import Batch
from encore.heads.training.examples import Codes

Reader = TypeVar("Reader")
Item = TypeVar("Item")
Result = TypeVar("Result")

BATCHES_A_TURN = 8
"""Batches that a reader has before the next one has its turn, where there are several: what a reader works with stays
in the processor's caches meanwhile."""

PART_FLOATS = 1 << 23
"""Decoded floats that are shared at a time, 32 MB; three times as many are held. One batch may be larger alone."""


@dataclass(frozen=True)
class ThreadedPasses:
    """Passes of readers over batches; which thread does what changes nothing in what they read, or in which order.

    Attributes:
        pool: one thread for each core; None for this thread alone.
    """

    pool: ThreadPoolExecutor | None

    @classmethod
    @contextmanager
    def on_threads(cls, readers: int) -> Iterator[ThreadedPasses]:
        """As many threads as torch may use, but no more than there are readers.

        Each keeps to itself: a step is a millisecond of small products. Two threads of one product gain nothing on an
        idle machine, and where other work shares the cores they wait for each other (13 s an epoch against 1 s,
        measured on two busy cores).
        """
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            if min(before, readers) == 1:
                yield cls(None)
            else:
                # Every thread has its own setting, and starts with the number of cores.
                with ThreadPoolExecutor(min(before, readers), initializer=torch.set_num_threads, initargs=(1,)) as pool:
                    yield cls(pool)
        finally:
            torch.set_num_threads(before)

    def for_each(self, things: Sequence[Item], make: Callable[[Item], Result]) -> list[Result]:
        """What is made of each thing, in order."""
        return [make(thing) for thing in things] if self.pool is None else list(self.pool.map(make, things))

    def run(
        self,
        parts: Sequence[Sequence[Codes]],
        decode: Callable[[Codes], Batch],
        readers: Sequence[Reader],
        read: Callable[[Reader, Codes, Batch], None],
    ) -> None:
        """Have every reader read every batch, in order.

        Args:
            parts: batches that are decoded together, each given as the positions of its documents.
            decode: makes a batch of positions.
            readers: who reads.
            read: what one does with the positions and the batch; never called twice at a time for one reader.
        """

        def decoded(part: Sequence[Codes]) -> list[tuple[Codes, Batch]]:
            # Not in inference mode: autograd has no part in what comes of that.
            with torch.no_grad():
                return [(documents, decode(documents)) for documents in part]

        def read_all(reader: Reader, part: Sequence[tuple[Codes, Batch]], before: Future[None] | None = None) -> None:
            if before is not None:
                before.result()
            for documents, batch in part:
                read(reader, documents, batch)

        if self.pool is None:
            for part in parts:
                values = decoded(part)
                for reader in readers:
                    read_all(reader, values)
            return
        # A reader may be a part ahead of another: at the end of a part no thread waits for the others.
        running: list[Future[None] | None] = [None] * len(readers)
        decoding = (self.pool.submit(decoded, part) for part in parts)
        following = next(decoding, None)
        while following is not None:
            values = following.result()
            # Into the queue before the readers of this part: it is there when they are through.
            following = next(decoding, None)
            before, running = running, []
            for reader, last in zip(readers, before, strict=True):
                running.append(self.pool.submit(read_all, reader, values, last))
            _wait(before)
        _wait(running)


def _wait(running: Sequence[Future[None] | None]) -> None:
    for done in running:
        if done is not None:
            done.result()


def in_parts(batches: Sequence[Codes], floats: Callable[[Codes], int], together: int) -> list[list[Codes]]:
    """Batches in their order, as many to a part as ``together`` and `PART_FLOATS` allow, but at least one.

    Args:
        batches: positions of the documents of each.
        floats: how many one has once it is decoded.
        together: batches of a part, at most.
    """
    parts: list[list[Codes]] = []
    room = 0
    for batch in batches:
        size = floats(batch)
        if not parts or len(parts[-1]) == together or size > room:
            parts.append([])
            room = PART_FLOATS
        parts[-1].append(batch)
        room -= size
    return parts
