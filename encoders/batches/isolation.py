"""Running batches so that a failure costs little: batches become smaller, or one faulty document is rejected."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from encore.encoders.batches.budget import NO_PADDING, Padding, longest_first, split_by_budget
from encore.featurestore.common import Int64s, class_and_line, without_quotes

Result = TypeVar("Result")

REASON_LENGTH = 200
"""Characters of an error's text that a dead letter keeps."""


@dataclass(frozen=True, eq=False)
class BatchResult(Generic[Result]):
    """A batch that ran: the positions of its documents, and its result."""

    documents: Int64s
    result: Result


@dataclass(frozen=True)
class DocumentFailure:
    """A document that fails in every batch, and the reason: one line, without the document's text."""

    document: int
    reason: str


@dataclass(frozen=True)
class _BatchFailure:
    """Why a batch failed, as text only: the exception would keep the failed batch's tensors in memory."""

    reason: str
    out_of_memory: bool = False


def run_batches(
    lengths: npt.NDArray[np.integer], budget: int, run: Callable[[Int64s], Result], padding: Padding = NO_PADDING
) -> Iterator[BatchResult[Result] | DocumentFailure]:
    """Run documents in batches of a token budget, longest documents first.

    When the device runs out of memory, the budget is halved for this batch and all later ones. A batch that fails for
    another reason is halved until the faulty documents are alone. Each call starts from the full budget, so that a
    rerun takes the same steps.

    Args:
        lengths: (documents,) tokens of each document, at least 1.
        budget: padded tokens that a batch may have.
        run: computes a batch from the positions of its documents; it may be called again for parts of a batch.
        padding: how far ``run`` pads batches beyond their longest document.

    Raises:
        torch.AcceleratorError: the device itself failed, so that nothing more can run on it.
    """
    order = longest_first(lengths)
    pending = _batches(order, lengths, budget, padding)
    while pending:
        batch = pending.popleft()
        outcome = _attempt(run, batch)
        if not isinstance(outcome, _BatchFailure):
            yield BatchResult(batch, outcome)
            continue
        if outcome.out_of_memory and torch.cuda.is_available():
            torch.cuda.empty_cache()
        if len(batch) == 1:
            yield DocumentFailure(int(batch[0]), outcome.reason)
        elif outcome.out_of_memory:
            # Halve what this batch used, not the budget: a batch that was not full would be tried again unchanged.
            budget = min(budget, len(batch) * int(lengths[batch[0]])) // 2
            pending = _batches(np.concatenate([batch, *pending]), lengths, budget, padding)
        else:
            half = len(batch) // 2
            pending.extendleft([batch[half:], batch[:half]])


def _batches(falling: Int64s, lengths: npt.NDArray[np.integer], budget: int, padding: Padding) -> deque[Int64s]:
    return deque(falling[part] for part in split_by_budget(lengths[falling], budget, padding))


def _attempt(run: Callable[[Int64s], Result], batch: Int64s) -> Result | _BatchFailure:
    try:
        return run(batch)
    except torch.OutOfMemoryError:
        return _BatchFailure("out of memory on the device, alone in its batch", out_of_memory=True)
    except torch.AcceleratorError:
        raise
    except (RuntimeError, ValueError, IndexError) as error:
        return _BatchFailure(class_and_line(error, without_quotes(error))[:REASON_LENGTH])
