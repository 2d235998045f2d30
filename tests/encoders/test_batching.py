"""Token-budget batches."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from encoders.batching import CPU_BUDGET, CUDA_BUDGET, default_budget, longest_first, split_by_budget

LENGTHS = st.lists(st.integers(1, 40), max_size=60).map(lambda lengths: np.array(lengths, np.int64))


@given(LENGTHS, st.integers(1, 200))
def test_every_document_is_in_exactly_one_batch(lengths: np.ndarray, budget: int) -> None:
    order = longest_first(lengths)
    batches = [order[part] for part in split_by_budget(lengths[order], budget)]
    assert sorted(np.concatenate([*batches, []]).tolist()) == list(range(len(lengths)))
    assert all(len(batch) for batch in batches)


@given(LENGTHS, st.integers(1, 200))
def test_a_batch_exceeds_the_budget_only_when_one_document_does(lengths: np.ndarray, budget: int) -> None:
    order = longest_first(lengths)
    for part in split_by_budget(lengths[order], budget):
        batch = lengths[order[part]]
        assert len(batch) * batch.max() <= budget or len(batch) == 1


@given(LENGTHS, st.integers(1, 200))
def test_no_batch_stops_while_another_document_would_fit(lengths: np.ndarray, budget: int) -> None:
    falling = lengths[longest_first(lengths)]
    for part in split_by_budget(falling, budget)[:-1]:
        assert (part.stop - part.start + 1) * falling[part.start] > budget


def test_documents_of_one_length_keep_their_order() -> None:
    assert longest_first(np.array([3, 5, 3, 5, 1])).tolist() == [1, 3, 0, 2, 4]
    odd_then_even = [*range(1, 1000, 2), *range(0, 1000, 2)]
    assert longest_first(np.tile([1, 2], 500)).tolist() == odd_then_even


def test_the_budget_is_that_of_the_device() -> None:
    assert default_budget(torch.device("cpu")) == CPU_BUDGET
    assert default_budget(torch.device("cuda", 1)) == CUDA_BUDGET > CPU_BUDGET
