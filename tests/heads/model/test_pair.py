"""Attention over each text of a pair, against attention over each text alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore import UsageError
from encore.heads import TrainedHead, TrainSettings, train_head
from encore.heads.batches.batch import Batch
from encore.heads.model.attention import AttentionPooling
from encore.heads.model.pair import PairPooling
from encore.heads.model.registry import build_pooling
from tests.heads.building import block_of, pairs_alike_or_not, spec_of

WIDTH = 8


@given(texts=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=6), seed=st.integers(0, 9))
def test_a_pair_is_each_text_pooled_alone_their_difference_and_their_product(
    texts: list[tuple[int, int]], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    pooling = PairPooling(WIDTH, 2, generator)
    with torch.no_grad():
        for parameter in pooling.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    first, second = (torch.tensor(lengths) for lengths in zip(*texts, strict=True))
    values = torch.randn(len(texts), int((first + second).max()) + 2, WIDTH, generator=generator)
    pooled = pooling(Batch.of(values, first + second, first))
    assert pooled.shape == (len(texts), 4 * WIDTH)
    for row, (a, b), vectors in zip(values, texts, pooled.view(-1, 4, WIDTH), strict=True):
        u = alone(pooling.attention, row[:a])
        v = alone(pooling.attention, row[a : a + b]) if b else of_no_tokens(pooling.attention)
        torch.testing.assert_close(vectors, torch.stack([u, v, (u - v).abs(), u * v]), atol=1e-4, rtol=1e-4)


def alone(attention: AttentionPooling, values: torch.Tensor) -> torch.Tensor:
    return attention(Batch.of(values[None], torch.tensor([len(values)])))[0]


def of_no_tokens(attention: AttentionPooling) -> torch.Tensor:
    return attention.output_weight @ attention.value_bias + attention.output_bias


def test_a_document_of_one_text_gives_finite_numbers_and_gradients() -> None:
    pooling = PairPooling(WIDTH)
    values = torch.randn(2, 3, WIDTH, requires_grad=True)
    pooling(Batch.of(values, torch.tensor([3, 2]), torch.tensor([3, 1]))).sum().backward()
    assert values.grad is not None
    assert values.grad.isfinite().all()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in pooling.parameters())


def test_padding_changes_nothing() -> None:
    pooling = PairPooling(WIDTH, 2)
    values = torch.randn(1, 5, WIDTH)
    padded = torch.cat([values, torch.full((1, 3, WIDTH), 1e6)], dim=1)
    lengths, first = torch.tensor([5]), torch.tensor([2])
    torch.testing.assert_close(pooling(Batch.of(padded, lengths, first)), pooling(Batch.of(values, lengths, first)))


def test_a_pair_has_one_query() -> None:
    assert isinstance(build_pooling("pair", 8, 4), PairPooling)
    with pytest.raises(UsageError, match="queries 2: pooling pair has one; leave them out or pool by attention"):
        build_pooling("pair", 8, None, queries=2)


class TestTraining:
    SPEC = spec_of("float16", width=32)

    def train(self, block, codes, **settings) -> TrainedHead:  # type: ignore[no-untyped-def]
        asked = TrainSettings(**{"epochs": 12, "learning_rates": (3e-3,), **settings})
        return train_head(block, codes, self.SPEC, ("other", "same"), dev=block, dev_codes=codes, settings=asked)

    def test_a_head_of_pairs_learns_how_texts_relate(self) -> None:
        train, codes = pairs_alike_or_not(self.SPEC, 600)
        dev, dev_codes = pairs_alike_or_not(self.SPEC, 300, seed=1)
        settings = TrainSettings(epochs=12, learning_rates=(3e-3,))
        trained = train_head(
            train, codes, self.SPEC, ("other", "same"), dev=dev, dev_codes=dev_codes, settings=settings
        )
        assert trained.evaluation is not None
        assert trained.evaluation.accuracy > 0.9

    def test_pairs_get_a_head_of_pairs_unless_told_otherwise(self) -> None:
        block, codes = pairs_alike_or_not(self.SPEC, 20)
        assert design(self.train(block, codes, epochs=1)) == "pair"
        assert design(self.train(block, codes, epochs=1, queries=2)) == "attention"
        assert design(self.train(block, codes, epochs=1, poolings=("attention",))) == "attention"

    def test_a_head_of_pairs_needs_a_pair(self) -> None:
        block = block_of(self.SPEC, [3] * 4)
        with pytest.raises(UsageError, match="pooling pair: none of the training documents is a pair of texts"):
            self.train(block, np.array([0, 1, 0, 1]), poolings=("pair",))

    def test_one_single_text_among_pairs_makes_them_documents(self) -> None:
        block = block_of(self.SPEC, [3] * 4, first_lengths=[1, 2, 3, 1])
        assert design(self.train(block, np.array([0, 1, 0, 1]), epochs=1)) == "attention"


def design(trained: TrainedHead) -> str:
    return str(trained.head("task").to_files()["head.json"].decode().split('"pooling": "')[1].split('"')[0])
