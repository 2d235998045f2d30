"""Training finds what the features say, chooses by dev, and repeats itself exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from encore.featurestore import DataError, StoreError, UsageError
from encore.heads import AttentionPooling, Epoch, TrainedHead, TrainSettings, train_head
from tests.heads.building import block_of, learnable, spec_of

QUICK = TrainSettings(epochs=12, learning_rates=(3e-3,), batch_sizes=(16,))


def train(settings: TrainSettings = QUICK, quantizer: str = "sign", layers: str = "mean:4") -> TrainedHead:
    spec = spec_of(quantizer, layers)
    block, codes = learnable(spec, 180, 3)
    dev, dev_codes = learnable(spec, 30, 3, seed=1)
    return train_head(block, codes, spec, ("x", "y", "z"), dev=dev, dev_codes=dev_codes, settings=settings)


def weights(head: TrainedHead) -> list[torch.Tensor]:
    return list(head.model.state_dict().values())


@pytest.mark.parametrize("quantizer", ["float16", "uint8", "uint8:per-dimension", "sign"])
@pytest.mark.parametrize("layers", ["mean:4", "stack:4"])
def test_attention_learns_a_mark_that_is_anywhere_in_the_text(quantizer: str, layers: str) -> None:
    head = train(quantizer=quantizer, layers=layers)
    assert head.evaluation is not None
    assert head.evaluation.accuracy >= 0.9
    assert head.history[-1].loss < head.history[0].loss / 2
    assert head.documents == 180


@pytest.mark.parametrize("layers", ["mean:4", "stack:4"])
def test_several_queries_learn_each_its_own(layers: str) -> None:
    settings = replace(QUICK, queries=3)
    head = train(settings, layers=layers)
    assert head.evaluation is not None
    assert head.evaluation.accuracy >= 0.9
    pooling = head.model.pooling
    assert isinstance(pooling, AttentionPooling)
    assert pooling.queries == 3
    fresh = AttentionPooling(16, generator=torch.Generator().manual_seed(0), queries=3).query
    moved = (pooling.query - fresh).detach()
    assert float(moved.norm(dim=1).min()) > 0.01
    assert float((moved[0] - moved[1]).norm()) > 0.01
    assert all(torch.equal(a, b) for a, b in zip(weights(head), weights(train(settings, layers=layers)), strict=True))


def test_the_first_vector_alone_cannot_say_it() -> None:
    head = train(replace(QUICK, poolings=("cls",)))
    assert head.evaluation is not None
    assert head.evaluation.accuracy < 0.7


@pytest.mark.parametrize("seed", range(3))
def test_a_head_of_features_that_say_nothing_is_no_worse_than_the_majority(seed: int) -> None:
    spec = spec_of("float16", positions="mean")
    generator = np.random.default_rng(seed)
    shares = np.repeat([0, 1], [70, 30])
    blocks = [block_of(spec, [1] * 100, seed=2 * seed + part) for part in (0, 1)]
    codes, dev_codes = generator.permutation(shares), generator.permutation(shares)
    head = train_head(blocks[0], codes, spec, ("x", "y"), dev=blocks[1], dev_codes=dev_codes)
    assert head.evaluation is not None
    assert head.evaluation.accuracy >= head.evaluation.majority - 0.02


def test_the_layer_mix_is_learned_for_stacked_features_alone() -> None:
    learned = train(layers="stack:4").model.mix
    assert learned is not None
    assert learned.weights.max() - learned.weights.min() > 0.05
    uniform = train(replace(QUICK, layer_mix="uniform"), layers="stack:4").model.mix
    assert uniform is not None
    assert torch.equal(uniform.weights, torch.full((4,), 0.25))
    assert train().model.mix is None


def test_the_same_seed_gives_the_same_head_bit_for_bit() -> None:
    first, second, other = train(), train(), train(replace(QUICK, seeds=(1,)))
    assert all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))
    assert [epoch.loss for epoch in first.history] == [epoch.loss for epoch in second.history]
    assert not all(torch.equal(a, b) for a, b in zip(weights(first), weights(other), strict=True))


def test_torchs_global_generator_is_neither_read_nor_moved() -> None:
    torch.manual_seed(1)
    first = train()
    before = torch.random.get_rng_state()
    torch.manual_seed(2)
    second = train()
    torch.manual_seed(1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_the_first_epoch_of_the_best_dev_accuracy_is_kept(seed: int) -> None:
    spec = spec_of()
    block, codes = learnable(spec, 60, 3)
    # Dev classes that say nothing: its accuracy goes up and down, with ties.
    dev, wrong = block_of(spec, [3] * 9, seed=1), np.random.default_rng(seed).integers(0, 3, 9)
    head = train_head(block, codes, spec, ("x", "y", "z"), dev=dev, dev_codes=wrong, settings=QUICK)
    accuracies = [epoch.dev_accuracy for epoch in head.history]
    assert len(set(accuracies)) > 1
    assert head.best == head.history[int(np.argmax(accuracies))]
    assert head.evaluation is not None
    assert head.evaluation.accuracy == head.best.dev_accuracy
    assert [epoch.number for epoch in head.history] == list(range(1, 13))


def test_without_dev_the_last_epoch_is_kept() -> None:
    spec = spec_of()
    block, codes = learnable(spec, 60, 3)
    head = train_head(block, codes, spec, ("x", "y", "z"), settings=replace(QUICK, epochs=3))
    assert head.best == head.history[-1]
    assert head.best.dev_accuracy is None
    assert head.evaluation is None


def test_a_grid_keeps_its_best_point_and_each_point_stands_alone() -> None:
    small = replace(QUICK, epochs=3)
    grid = train(replace(small, learning_rates=(1e-6, 3e-3), batch_sizes=(8, 16)))
    assert len(grid.history) == 4 * 3
    assert grid.best.learning_rate == 3e-3
    assert grid.best.dev_accuracy == max(epoch.dev_accuracy or 0 for epoch in grid.history)
    alone = train(replace(small, learning_rates=(3e-3,), batch_sizes=(grid.best.batch_size,)))
    assert all(torch.equal(a, b) for a, b in zip(weights(grid), weights(alone), strict=True))


def test_the_first_of_equal_points_of_a_grid_is_kept() -> None:
    spec = spec_of()
    block, codes = learnable(spec, 60, 3)
    # Two dev documents: three accuracies are possible, and the best epoch of any sensible point gets both right.
    dev = block.slice(0, 2)
    settings = replace(QUICK, learning_rates=(3e-3, 4e-3))
    head = train_head(block, codes, spec, ("x", "y", "z"), dev=dev, dev_codes=codes[:2], settings=settings)
    best = {rate: max(e.dev_accuracy or 0 for e in head.history if e.learning_rate == rate) for rate in (3e-3, 4e-3)}
    assert best[3e-3] == best[4e-3] == 1.0
    assert head.best.learning_rate == 3e-3


def test_the_number_of_threads_does_not_change_the_head_and_is_given_back() -> None:
    first = train()
    torch.set_num_threads(2)
    try:
        second = train()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def test_heads_learn_from_features_as_they_are_where_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    standardised = train()
    monkeypatch.delattr("encore.heads.training.grid.standardisation_of")
    plain = train(replace(QUICK, standardise=False))
    assert not all(torch.equal(a, b) for a, b in zip(weights(standardised), weights(plain), strict=True))


def test_whether_dev_still_rose_is_asked_of_the_head_that_is_kept() -> None:
    head = train(replace(QUICK, epochs=2))
    flat = [replace(head.best, dev_accuracy=0.8, number=number) for number in (1, 2)]
    rising = [replace(epoch, seed=7, dev_accuracy=accuracy) for epoch, accuracy in zip(flat, (0.1, 0.7), strict=True)]
    found = replace(head, best=flat[0], history=(*flat, *rising))
    assert not found.still_rising
    assert replace(found, best=rising[1]).still_rising


def test_progress_hears_of_every_epoch() -> None:
    spec = spec_of()
    block, codes = learnable(spec, 30, 3)
    heard: list[Epoch] = []
    head = train_head(block, codes, spec, ("x", "y", "z"), settings=TrainSettings(epochs=3), progress=heard.append)
    assert tuple(heard) == head.history
    assert [(epoch.number, epoch.epochs) for epoch in heard] == [(1, 3), (2, 3), (3, 3)]


def test_a_store_of_one_vector_a_document_is_trained_on_as_it_is() -> None:
    spec = spec_of("float16", positions="mean")
    block = block_of(spec, [1] * 80)
    codes = (block.packed[:, 0] > 0).astype(np.int64)
    settings = replace(QUICK, epochs=60)
    head = train_head(block, codes, spec, ("x", "y"), dev=block, dev_codes=codes, settings=settings)
    assert head.evaluation is not None
    assert head.evaluation.accuracy > 0.9


def test_a_class_without_a_document_is_an_error() -> None:
    spec = spec_of()
    with pytest.raises(DataError, match="classes z have no document to train on"):
        train_head(block_of(spec, [1, 2, 3]), np.array([0, 1, 0]), spec, ("x", "y", "z"))


def test_a_single_class_is_an_error() -> None:
    spec = spec_of()
    with pytest.raises(DataError, match="a head needs two"):
        train_head(block_of(spec, [1, 2]), np.array([0, 0]), spec, ("x",))


def test_a_grid_without_dev_is_refused() -> None:
    spec = spec_of()
    with pytest.raises(UsageError, match="needs dev documents"):
        train_head(
            block_of(spec, [1, 2]),
            np.array([0, 1]),
            spec,
            ("x", "y"),
            settings=TrainSettings(learning_rates=(1e-3, 1e-4)),
        )


def test_a_training_that_diverges_says_so() -> None:
    spec = spec_of("float16")
    block, codes = learnable(spec, 40, 2)
    with pytest.raises(UsageError, match=r"learning rate 1e\+36: training diverged in epoch 1; give a smaller one"):
        train_head(block, codes, spec, ("x", "y"), settings=TrainSettings(learning_rates=(1e36,), epochs=3))


def test_features_of_another_spec_are_refused() -> None:
    block, codes = learnable(spec_of("float16"), 20, 2)
    with pytest.raises(StoreError, match="do not match the spec"):
        train_head(block, codes, spec_of("sign"), ("x", "y"))


def test_several_queries_need_stored_tokens() -> None:
    spec = spec_of(positions="mean")
    with pytest.raises(UsageError, match="queries 2: pooling mean has none"):
        train_head(block_of(spec, [1, 1]), np.array([0, 1]), spec, ("x", "y"), settings=TrainSettings(queries=2))


def test_a_pooling_that_the_store_cannot_give_is_refused() -> None:
    spec = spec_of(positions="mean")
    with pytest.raises(UsageError, match="pooling attention: the store holds one vector a document"):
        train_head(
            block_of(spec, [1, 1]), np.array([0, 1]), spec, ("x", "y"), settings=TrainSettings(poolings=("attention",))
        )
