"""The heads of a grid are the heads trained alone, and those of a plain loop of autograd and torch's AdamW."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.nn import functional

from encore.featurestore import FeatureBlock, FeatureSpec
from encore.featurestore.common import Int64s
from encore.heads import HeadModel, TrainSettings
from encore.heads.batches.sampler import training_batches
from encore.heads.model.registry import POOLINGS
from encore.heads.training import learners
from encore.heads.training.examples import Examples
from encore.heads.training.grid import ORDER, train_grid
from encore.heads.training.standardisation import standardisation_of
from encore.heads.training.trial import Trial
from tests.heads.building import block_of, learnable, pairs_alike_or_not, spec_of

CLASSES = ("x", "y", "z")
SETTINGS = TrainSettings(epochs=2, learning_rates=(1e-3,), batch_sizes=(8,))
DESIGNS = {
    "attention": ("mean:4", TrainSettings.layer_mix, 1),
    "queries": ("mean:4", TrainSettings.layer_mix, 3),
    "learned mix": ("stack:3", "learned", 1),
    "uniform mix": ("stack:3", "uniform", 1),
}


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def of_two_texts(block: FeatureBlock) -> FeatureBlock:
    """The same documents, whose last token is a second text."""
    place = block.index.schema.get_field_index("n_first_tokens")
    firsts = pa.array(block.lengths - 1, block.index.schema.field(place).type)
    return replace(block, index=block.index.set_column(place, block.index.schema.field(place), firsts))


def data_of(spec: FeatureSpec) -> tuple[FeatureBlock, Int64s, FeatureBlock, Int64s]:
    """Pairs: the plain way standardises tokens, and knows of no text without any."""
    (train, codes), (dev, dev_codes) = learnable(spec, 60, 3), learnable(spec, 30, 3, seed=1)
    return of_two_texts(train), codes, of_two_texts(dev), dev_codes


def trained_plainly(settings: TrainSettings, spec: FeatureSpec, pooling: str) -> tuple[HeadModel, list[float]]:
    """The weights after the last epoch, and the accuracy on dev after each."""
    block, codes, dev, dev_codes = data_of(spec)
    (rate,), (size,), (seed,) = settings.learning_rates, settings.batch_sizes, settings.seeds
    generator = torch.Generator().manual_seed(seed)
    mix = settings.layer_mix if spec.layers.stacked else None
    model = HeadModel.build(
        spec, 3, pooling, queries=settings.queries, layer_mix=mix, dropout=settings.dropout, generator=generator
    )
    model.classifier.set_class_prior(np.bincount(codes, minlength=3).tolist())
    examples, held_out = Examples(block, codes, spec, 3), Examples(dev, dev_codes, spec, 3)
    standard, pool = standardisation_of(examples, model), model.pooling.forward
    model.pooling.forward = lambda batch: pool(replace(batch, rows=standard(batch.rows)))  # type: ignore[method-assign]
    steps = settings.epochs * -(-len(codes) // size)
    mixing = [parameter for name, parameter in model.named_parameters() if name == "mix.logits"]
    others = [parameter for name, parameter in model.named_parameters() if name != "mix.logits"]
    groups = [{"params": others}, {"params": mixing, "lr": 100 * rate, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.01)
    rising = max(1, round(0.06 * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: (step + 1) / rising if step < rising else (steps - step) / (steps - rising)
    )
    order = torch.Generator().manual_seed(settings.order ^ ORDER)
    accuracies = []
    for _ in range(settings.epochs):
        model.train()
        for documents in training_batches(block.lengths, size, order):
            optimizer.zero_grad()
            loss = functional.cross_entropy(examples.logits(model, documents), torch.from_numpy(codes)[documents])
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
        accuracies.append(float((held_out.predict(model) == dev_codes).mean()))
    return model, accuracies


def trained_together(settings: TrainSettings, spec: FeatureSpec, recommended: str = "attention") -> Sequence[Trial]:
    block, codes, dev, dev_codes = data_of(spec)
    examples, held_out = Examples(block, codes, spec, 3), Examples(dev, dev_codes, spec, 3)
    return train_grid(examples, held_out, settings.grid(recommended), settings, None)


def accuracies_of(run: Trial) -> list[float | None]:
    return [epoch.dev_accuracy for epoch in run.history]


@pytest.mark.parametrize("quantizer", ["sign", "float16"])
@pytest.mark.parametrize("design", DESIGNS)
def test_each_head_of_a_grid_is_that_of_a_plain_training(design: str, quantizer: str) -> None:
    layers, mix, queries = DESIGNS[design]
    spec = spec_of(quantizer, layers)
    settings = replace(
        SETTINGS,
        layer_mix=mix,
        queries=queries,
        poolings=tuple(name for name, kind in POOLINGS.items() if queries <= max(1, kind.most_queries)),
        seeds=(5, 2, 9),
        learning_rates=(1e-3, 3e-4),
    )
    runs = trained_together(settings, spec)
    assert len(runs) == 6 * len(settings.poolings)
    for run in runs:
        point = run.point
        alone = replace(
            settings, seeds=(point.seed,), learning_rates=(point.learning_rate,), order_seed=settings.seeds[0]
        )
        model, accuracies = trained_plainly(alone, spec, point.pooling)
        assert accuracies_of(run) == accuracies
        torch.testing.assert_close(run.values, dict(model.named_parameters()), rtol=1e-3, atol=2e-5, check_device=False)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("design", DESIGNS)
def test_the_plain_way_gives_the_heads_of_the_fast_one(
    design: str, pooling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers, mix, queries = DESIGNS[design]
    if queries > max(1, POOLINGS[pooling].most_queries):
        pytest.skip("one query")
    spec = spec_of("float16", layers)
    # Pairs, and single texts among them, which have no second text.
    block = block_of(spec, [2, 5, 3, 9] * 10, first_lengths=[1, 5, 2, 4] * 10)
    examples = Examples(block, np.arange(40) % 3, spec, 3)
    # Five heads: stacks of two and of three.
    settings = replace(SETTINGS, layer_mix=mix, queries=queries, poolings=(pooling,), seeds=(5, 2, 0, 1, 3))
    fast = train_grid(examples, examples, settings.grid(""), settings, None)
    monkeypatch.setattr(learners, "HandLearner", learners.Learner)
    for seeds in (settings.seeds, settings.seeds[:1]):
        plain = train_grid(examples, examples, replace(settings, seeds=seeds).grid(""), settings, None)
        for one, other in zip(fast, plain, strict=False):
            torch.testing.assert_close(one.values, other.values, rtol=1e-3, atol=2e-5)
            assert accuracies_of(one) == accuracies_of(other)
            torch.testing.assert_close(
                one.best_model().state_dict(), other.best_model().state_dict(), rtol=1e-3, atol=2e-4
            )


def test_each_head_of_a_grid_is_that_trained_alone() -> None:
    spec = spec_of()
    settings = replace(SETTINGS, seeds=(0, 1, 2, 3, 4), poolings=("attention", "mean"), batch_sizes=(8, 16))
    for run in trained_together(settings, spec):
        point = run.point
        own = replace(settings, poolings=(point.pooling,), seeds=(point.seed,), batch_sizes=(point.batch_size,))
        (alone,) = trained_together(replace(own, order_seed=0), spec)
        torch.testing.assert_close(run.values, alone.values, rtol=1e-3, atol=2e-5)
        assert accuracies_of(run) == accuracies_of(alone)


@pytest.mark.parametrize("layers", ["mean:4", "stack:3"])
def test_the_number_of_threads_changes_no_bit(layers: str) -> None:
    spec = spec_of(layers=layers)
    settings = replace(SETTINGS, seeds=tuple(range(9)), poolings=("attention", "cls"))
    found = []
    for count in (1, 2, 5):
        with threads(count):
            found.append(trained_together(settings, spec))
            assert torch.get_num_threads() == count
    for runs in zip(*found, strict=True):
        for other in runs[1:]:
            assert all(torch.equal(value, other.values[name]) for name, value in runs[0].values.items())
            assert [epoch.loss for epoch in other.history] == [epoch.loss for epoch in runs[0].history]


def test_another_order_of_documents_is_another_training() -> None:
    spec = spec_of()
    first, second = (trained_together(replace(SETTINGS, order_seed=seed), spec)[0] for seed in (1, 2))
    values = first.values
    assert torch.equal(values["pooling.query"], second.values["pooling.query"]) is False
    assert first.history[0].loss != second.history[0].loss


def test_pairs_and_single_pooling_train_together() -> None:
    spec = spec_of()
    block, codes = pairs_alike_or_not(spec, 60)
    examples = Examples(block, codes, spec, 2)
    settings = replace(SETTINGS, poolings=("pair", "attention"), seeds=(0, 1))
    runs = train_grid(examples, examples, settings.grid(""), settings, None)
    for run in runs:
        own = replace(settings, poolings=(run.point.pooling,), seeds=(run.point.seed,), order_seed=0)
        (alone,) = train_grid(examples, examples, own.grid(""), own, None)
        torch.testing.assert_close(run.values, alone.values, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_head_stops_when_its_patience_runs_out_and_the_others_go_on(seed: int) -> None:
    spec = spec_of()
    block, codes = learnable(spec, 60, 3)
    dev, wrong = block_of(spec, [3] * 9, seed=1), np.random.default_rng(seed).integers(0, 3, 9)
    settings = replace(SETTINGS, epochs=10, learning_rates=(3e-3,), seeds=tuple(range(6)), patience=2)
    examples, held_out = Examples(block, codes, spec, 3), Examples(dev, wrong, spec, 3)
    whole = train_grid(examples, held_out, settings.grid("attention"), replace(settings, patience=None), None)
    stopped = train_grid(examples, held_out, settings.grid("attention"), settings, None)
    expected = []
    for run in whole:
        accuracies = accuracies_of(run)
        best = stale = number = 0
        while number < 10 and stale < 2:
            stale = 0 if number == 0 or accuracies[number] > accuracies[best] else stale + 1
            best = number if stale == 0 else best
            number += 1
        expected.append(number)
    assert len(set(expected)) > 1
    assert [len(run.history) for run in stopped] == expected
    for run, count in zip(stopped, expected, strict=True):
        assert run.best_epoch.number == 1 + int(np.argmax(accuracies_of(run)))
        assert run.stopped == (count - run.best_epoch.number >= 2)
