"""Token-budget batches."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.encoders.batches.budget import (
    CPU_BUDGET,
    CUDA_BUDGET,
    EQUAL_LENGTHS,
    Padding,
    default_budget,
    longest_first,
    split_by_budget,
)

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


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 24), st.none() | st.integers(1, 30))
def test_a_padded_batch_is_the_smallest_that_has_the_multiple(
    documents: int, longest: int, multiple: int, limit: int | None
) -> None:
    highest = max(longest, limit or 1000)
    smallest = min(
        rows * length
        for rows in range(documents, documents + multiple)
        for length in range(longest, min(longest + multiple, highest + 1))
        if rows * length % multiple == 0
    )
    rows, length = Padding(multiple, limit).shape(documents, longest)
    if smallest > documents * -(-longest // multiple) * multiple:
        assert (rows, length) == (documents, longest)
    else:
        assert rows >= documents
        assert longest <= length <= highest
        assert rows * length == smallest


@given(LENGTHS, st.integers(1, 200), st.integers(1, 24))
def test_only_the_last_batch_and_lone_documents_have_rows_of_nothing(
    lengths: np.ndarray, budget: int, multiple: int
) -> None:
    falling, padding = lengths[longest_first(lengths)], Padding(multiple)
    for part in split_by_budget(falling, budget, padding):
        documents = part.stop - part.start
        rows, length = padding.shape(documents, int(falling[part.start]))
        assert documents in (rows, 1) or part.stop == len(falling)
        assert rows * length <= budget or documents == 1


def test_without_a_multiple_a_batch_is_as_long_as_its_longest_document() -> None:
    assert Padding().shape(5, 7) == (5, 7)
    assert Padding().room(7, 40) == 5
    assert Padding(64).room(43, 2048) == 32
    assert Padding(64).shape(32, 43) == (32, 44)
    assert Padding(64, 511).shape(1, 511) == (1, 511)


def test_documents_of_one_length_keep_their_order() -> None:
    assert longest_first(np.array([3, 5, 3, 5, 1])).tolist() == [1, 3, 0, 2, 4]
    odd_then_even = [*range(1, 1000, 2), *range(0, 1000, 2)]
    assert longest_first(np.tile([1, 2], 500)).tolist() == odd_then_even


def test_the_budget_is_that_of_the_device() -> None:
    assert default_budget(torch.device("cpu")) == CPU_BUDGET
    assert default_budget(torch.device("cuda", 1)) == CUDA_BUDGET > CPU_BUDGET


@given(LENGTHS, st.integers(1, 200), st.integers(1, 24))
def test_batches_of_equal_lengths_pad_nothing_and_are_as_full_as_they_can_be(
    lengths: np.ndarray, budget: int, multiple: int
) -> None:
    falling, padding = lengths[longest_first(lengths)], Padding(multiple, equal_lengths=True)
    parts = split_by_budget(falling, budget, padding)
    assert [at for part in parts for at in range(part.start, part.stop)] == list(range(len(lengths)))
    for part in parts:
        batch = falling[part]
        assert len(set(batch.tolist())) == 1
        assert padding.shape(len(batch), batch[0])[1] == batch[0]
    for part in split_by_budget(falling, budget, EQUAL_LENGTHS):
        length = falling[part.start]
        full = (part.stop - part.start + 1) * length > budget
        assert full or part.stop == len(falling) or falling[part.stop] < length
