"""Batches that are decoded once and read by several readers, on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

from heads.decoded import DecodedBatch
from heads.examples import Codes

Reader = TypeVar("Reader")

TOGETHER = 8
"""Batches that a reader has before the next one has its turn, where there are several: what a reader works with stays
in the processor's caches meanwhile."""


@dataclass(frozen=True)
class SharedPasses:
    """Passes of readers over batches; which thread does what changes nothing in what they read, or in which order.

    Attributes:
        pool: one thread for each core; None for this thread alone.
    """

    pool: ThreadPoolExecutor | None

    @classmethod
    @contextmanager
    def on_threads(cls, readers: int) -> Iterator[SharedPasses]:
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

    def run(
        self,
        batches: Sequence[Codes],
        decode: Callable[[Codes], DecodedBatch],
        readers: Sequence[Reader],
        read: Callable[[Reader, DecodedBatch], None],
    ) -> None:
        """Have every reader read every batch, in order.

        Args:
            batches: positions of the documents of each.
            decode: makes a batch of positions.
            readers: who reads.
            read: what one does with a batch; never called twice at a time for one reader.
        """

        def decoded(part: Sequence[Codes]) -> list[DecodedBatch]:
            with torch.inference_mode():
                return [decode(documents) for documents in part]

        def read_all(reader: Reader, part: Sequence[DecodedBatch]) -> None:
            with torch.inference_mode():
                for batch in part:
                    read(reader, batch)

        size = TOGETHER if len(readers) > 1 else 1
        parts = [batches[start : start + size] for start in range(0, len(batches), size)]
        if self.pool is None:
            for part in parts:
                values = decoded(part)
                for reader in readers:
                    read_all(reader, values)
            return
        following: Future[list[DecodedBatch]] | None = None
        for place, part in enumerate(parts):
            values = decoded(part) if following is None else following.result()
            running = [self.pool.submit(read_all, reader, values) for reader in readers]
            # Last in the queue: decoded by the first thread that has nothing left to read.
            following = self.pool.submit(decoded, parts[place + 1]) if place + 1 < len(parts) else None
            for done in running:
                done.result()
