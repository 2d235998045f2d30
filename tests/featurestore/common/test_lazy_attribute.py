"""An attribute that is read once, and never waits for that of another instance."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Barrier, Thread

from encore.featurestore.common.lazy_attribute import lazy


@dataclass(frozen=True)
class Reader:
    barrier: Barrier

    @lazy
    def record(self) -> object:
        """What all have read."""
        self.barrier.wait(timeout=10)
        return object()


def test_it_is_computed_once() -> None:
    reader = Reader(Barrier(1))
    assert reader.record is reader.record


def test_instances_compute_at_the_same_time() -> None:
    barrier = Barrier(3)
    readers = [Reader(barrier) for _ in range(3)]
    threads = [Thread(target=lambda reader=reader: reader.record) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Each got past the barrier, which opens when all three have come.
    assert all("record" in vars(reader) for reader in readers)
