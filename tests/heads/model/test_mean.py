"""Pooling by the mean."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.heads.batches.batch import Batch
from encore.heads.model.mean import MeanPooling


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_mean_pooling_is_the_mean_of_each_documents_own_tokens(lengths: list[int], seed: int) -> None:
    values = torch.randn(len(lengths), max(lengths), 5, generator=torch.Generator().manual_seed(seed))
    pooled = MeanPooling(5)(Batch.of(values, torch.tensor(lengths)))
    for document, length in enumerate(lengths):
        torch.testing.assert_close(pooled[document], values[document, :length].mean(dim=0))
