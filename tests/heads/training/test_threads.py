"""Every reader reads every batch in order, however many threads there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore.common import Int64s
from encore.heads.batches.batch import Batch
from encore.heads.training.threads import PART_FLOATS, ThreadedPasses, in_parts


class Reader:
    """Notes the documents that it reads, and that nobody else reads for it meanwhile."""

    def __init__(self) -> None:
        self.read: list[list[int]] = []
        self._alone = threading.Lock()

    def __call__(self, documents: Int64s, batch: Batch) -> None:
        assert self._alone.acquire(blocking=False)
        assert batch.values.flatten().tolist() == documents.tolist()
        self.read.append(documents.tolist())
        self._alone.release()


def decode(documents: Int64s) -> Batch:
    values = torch.from_numpy(documents).view(-1, 1, 1).float()
    return Batch.of(values, torch.ones(len(documents), dtype=torch.int64))


def batches_of(count: int) -> list[Int64s]:
    return [np.arange(3 * number, 3 * number + 3) for number in range(count)]


@contextmanager
def passes_on(threads: int, readers: int) -> Iterator[ThreadedPasses]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with ThreadedPasses.on_threads(readers) as passes:
            yield passes
    finally:
        torch.set_num_threads(before)


@given(threads=st.integers(1, 4), count=st.integers(1, 5), batches=st.integers(0, 12), together=st.integers(1, 4))
def test_every_reader_reads_every_batch_in_order(threads: int, count: int, batches: int, together: int) -> None:
    readers = [Reader() for _ in range(count)]
    given_out = batches_of(batches)
    with passes_on(threads, count) as passes:
        passes.run(in_parts(given_out, len, together), decode, readers, Reader.__call__)
    for reader in readers:
        assert reader.read == [batch.tolist() for batch in given_out]


def test_a_reader_does_not_wait_for_the_end_of_a_part() -> None:
    # The first reader is held up in its first part until the second one is through its second part.
    ahead = threading.Event()
    read: list[tuple[str, int]] = []

    def held_up(name: str, documents: Int64s, batch: Batch) -> None:
        number = int(documents[0]) // 3
        if name == "held up" and number == 0:
            assert ahead.wait(timeout=60)
        read.append((name, number))
        if name == "ahead" and number == 1:
            ahead.set()

    with passes_on(2, 2) as passes:
        passes.run([[batch] for batch in batches_of(2)], decode, ["ahead", "held up"], held_up)
    assert read.index(("ahead", 1)) < read.index(("held up", 0))


def test_no_reader_reads_two_parts_at_a_time() -> None:
    # The first reader stays in its first part long enough for a thread that does not wait to begin the second.
    alone, at_once = threading.Lock(), threading.Event()

    def slow(name: str, documents: Int64s, batch: Batch) -> None:
        if name != "slow":
            return
        if not alone.acquire(blocking=False):
            at_once.set()
            return
        if documents[0] == 0:
            at_once.wait(timeout=0.3)
        alone.release()

    with passes_on(3, 3) as passes:
        passes.run([[batch] for batch in batches_of(3)], decode, ["slow", "second", "third"], slow)
    assert not at_once.is_set()


def test_an_error_of_one_reader_ends_the_pass() -> None:
    def fail(name: str, documents: Int64s, batch: Batch) -> None:
        if name == "second" and documents[0] == 3:
            raise ValueError("no number")

    for threads in (1, 2):
        with passes_on(threads, 2) as passes, pytest.raises(ValueError, match="no number"):
            passes.run([[batch] for batch in batches_of(9)], decode, ["first", "second"], fail)


@given(sizes=st.lists(st.integers(1, PART_FLOATS * 5 // 4), max_size=30), together=st.integers(1, 5))
def test_parts_hold_all_batches_and_little_more_than_the_caches(sizes: Sequence[int], together: int) -> None:
    batches = batches_of(len(sizes))

    def floats(batch: Int64s) -> int:
        return sizes[int(batch[0]) // 3]

    parts = in_parts(batches, floats, together)
    assert [batch.tolist() for part in parts for batch in part] == [batch.tolist() for batch in batches]
    for part in parts:
        assert 1 <= len(part) <= together
        assert len(part) == 1 or sum(map(floats, part)) <= PART_FLOATS
    # The next batch never had room in the part before it.
    for part, after in pairwise(parts):
        assert len(part) == together or sum(map(floats, [*part, after[0]])) > PART_FLOATS
