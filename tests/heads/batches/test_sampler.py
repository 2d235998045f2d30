"""Which documents go together, and their rows side by side."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.heads.batches.sampler import POOL_BATCHES, budget_batches, rows_of_budget, training_batches
from tests.heads.building import spec_of

LENGTHS = st.lists(st.integers(1, 40), max_size=80).map(lambda lengths: np.array(lengths, np.int64))


def assert_every_document_once(batches: list[np.ndarray], documents: int) -> None:
    places = np.concatenate([*batches, np.empty(0, np.int64)])
    assert sorted(places.tolist()) == list(range(documents))


@given(lengths=LENGTHS, budget=st.integers(1, 200))
def test_scoring_batches_keep_to_the_budget_of_padded_rows(lengths: np.ndarray, budget: int) -> None:
    batches = budget_batches(lengths, budget)
    assert_every_document_once(batches, len(lengths))
    for documents in batches:
        assert len(documents) * lengths[documents].max() <= budget or len(documents) == 1
    # No batch could have taken the next document too.
    for documents, following in pairwise(batches):
        assert (len(documents) + 1) * lengths[following[0]] > budget


@given(lengths=LENGTHS, size=st.integers(1, 9), seed=st.integers(0, 99))
def test_training_batches_hold_every_document_once(lengths: np.ndarray, size: int, seed: int) -> None:
    batches = training_batches(lengths, size, torch.Generator().manual_seed(seed))
    assert_every_document_once(batches, len(lengths))
    assert sorted(map(len, batches), reverse=True)[:-1] == [size] * (len(batches) - 1)
    again = training_batches(lengths, size, torch.Generator().manual_seed(seed))
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test_training_batches_are_random_and_of_like_lengths() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 8 * POOL_BATCHES * 10)
    generator = torch.Generator().manual_seed(0)
    batches = training_batches(lengths, 8, generator)
    padded = sum(len(documents) * lengths[documents].max() for documents in batches)
    assert padded < 1.1 * lengths.sum()
    other = training_batches(lengths, 8, generator)
    assert {frozenset(b.tolist()) for b in batches}.isdisjoint({frozenset(b.tolist()) for b in other})
    means = np.array([lengths[documents].mean() for documents in batches])
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2


def test_the_budget_counts_stacked_layers() -> None:
    assert rows_of_budget(spec_of(layers="stack:4")) * 4 == rows_of_budget(spec_of(layers="mean:4"))
