"""Giving batches, decoded once, to several readers on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

from encore.featurestore.common import Int64s
from encore.heads.batches import Batch

Reader = TypeVar("Reader")
Item = TypeVar("Item")
Result = TypeVar("Result")

BATCHES_A_TURN = 8
"""Batches that a reader reads in a row before the next reader has its turn. Meanwhile its data stays in the processor's
caches."""

PART_FLOATS = 1 << 23
"""Decoded floats of a part, 32 MB; up to three parts are in memory. A single batch may be larger."""


@dataclass(frozen=True)
class ThreadedPasses:
    """Passes of readers over batches. What a reader reads, and in which order, does not depend on the threads.

    Attributes:
        pool: one thread for each core; None for this thread alone.
    """

    pool: ThreadPoolExecutor | None

    @classmethod
    @contextmanager
    def on_threads(cls, readers: int) -> Iterator[ThreadedPasses]:
        """Start as many threads as torch may use, but no more than there are readers.

        Inside, torch computes each product on one thread. A step is a millisecond of small products. Two threads for
        one product gain nothing on an idle machine. On a busy one they wait for each other (13 s an epoch against 1 s,
        measured on two busy cores).
        """
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            if min(before, readers) == 1:
                yield cls(None)
            else:
                # torch's setting is one of each thread, and starts as the number of cores.
                with ThreadPoolExecutor(min(before, readers), initializer=torch.set_num_threads, initargs=(1,)) as pool:
                    yield cls(pool)
        finally:
            torch.set_num_threads(before)

    def for_each(self, things: Sequence[Item], make: Callable[[Item], Result]) -> list[Result]:
        """Call ``make`` on each thing. Return the results in order."""
        return [make(thing) for thing in things] if self.pool is None else list(self.pool.map(make, things))

    def run(
        self,
        parts: Sequence[Sequence[Int64s]],
        decode: Callable[[Int64s], Batch],
        readers: Sequence[Reader],
        read: Callable[[Reader, Int64s, Batch], None],
    ) -> None:
        """Have every reader read every batch, in order.

        Args:
            parts: batches that are decoded together, each given as the positions of its documents.
            decode: makes a batch from positions.
            readers: the readers.
            read: called with a reader, the positions and the batch; never twice at a time for one reader.
        """

        def decoded(part: Sequence[Int64s]) -> list[tuple[Int64s, Batch]]:
            # no_grad and not inference mode: autograd cannot use tensors that are made in inference mode.
            with torch.no_grad():
                return [(documents, decode(documents)) for documents in part]

        def read_all(reader: Reader, part: Sequence[tuple[Int64s, Batch]], before: Future[None] | None = None) -> None:
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
        # A reader may be one part ahead of another, so that no thread waits at the end of a part.
        running: list[Future[None] | None] = [None] * len(readers)
        decoding = (self.pool.submit(decoded, part) for part in parts)
        following = next(decoding, None)
        while following is not None:
            values = following.result()
            # Queue the next decoding before the readers of this part, so that it is done when they are.
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


def in_parts(batches: Sequence[Int64s], floats: Callable[[Int64s], int], together: int) -> list[list[Int64s]]:
    """Divide batches into parts, in order. A part has as many as ``together`` and `PART_FLOATS` allow, at least one.

    Args:
        batches: for each batch, the positions of its documents.
        floats: number of floats of a batch when decoded.
        together: most batches of a part.
    """
    parts: list[list[Int64s]] = []
    room = 0
    for batch in batches:
        size = floats(batch)
        if not parts or len(parts[-1]) == together or size > room:
            parts.append([])
            room = PART_FLOATS
        parts[-1].append(batch)
        room -= size
    return parts
