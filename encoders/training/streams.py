"""Which documents of a task a step takes: a pure function of the seed, the task and the step."""

from __future__ import annotations

import numpy as np

from encore.encoders.training.seeds import derived_seed
from encore.featurestore.common import Int64s


class TaskStream:
    """The endless stream of a task's documents: pass after pass over all of them, each in a new order.

    Every document comes once a pass. The order of a pass depends only on the seed, the task's name and the number of
    the pass. So a training can resume from the number of its step, and the order of a task's documents does not depend
    on the other tasks.

    Args:
        seed: seed of the training.
        task: name of the task.
        size: number of the task's documents, at least 1.
    """

    def __init__(self, seed: int, task: str, size: int) -> None:
        self._seed, self._task, self._size = seed, task, size
        # Keep the order of one pass: most steps lie in the same pass as the step before.
        self._pass, self._order = -1, np.zeros(0, np.int64)

    def take(self, start: int, count: int) -> Int64s:
        """(count,) int64: positions of ``count`` documents of the stream, from number ``start`` on."""
        numbers = np.arange(start, start + count)
        parts = [
            self._order_of(number)[numbers[numbers // self._size == number] % self._size]
            for number in range(start // self._size, (start + count - 1) // self._size + 1)
        ]
        return np.concatenate(parts)

    def _order_of(self, number: int) -> Int64s:
        if number != self._pass:
            generator = np.random.Generator(np.random.PCG64(derived_seed(self._seed, "order", self._task, number)))
            self._pass, self._order = number, generator.permutation(self._size).astype(np.int64)
        return self._order
