"""Stacked heads are the heads alone: losses, gradients and logits against autograd over `HeadModel`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch.func import functional_call
from torch.nn import functional

from encore.heads.batches.batch import Batch
from encore.heads.gradients.parameters import StackParameters
from encore.heads.gradients.stack import HeadStack
from encore.heads.model.network import HeadModel
from encore.heads.model.standardisation import Standardisation, Tensors
from tests.heads.building import model_of, spec_of

CASES = {
    "attention": ("attention", "mean:4", 1, "learned"),
    "attention with three queries": ("attention", "mean:4", 3, "learned"),
    "attention over mixed layers": ("attention", "stack:3", 1, "learned"),
    "two queries over mixed layers": ("attention", "stack:3", 2, "learned"),
    "attention over layers mixed alike": ("attention", "stack:3", 1, "uniform"),
    "pairs": ("pair", "mean:4", 1, "learned"),
    "pairs over mixed layers": ("pair", "stack:3", 1, "learned"),
    "mean": ("mean", "mean:4", 1, "learned"),
    "mean over mixed layers": ("mean", "stack:3", 1, "learned"),
    "cls": ("cls", "mean:4", 1, "learned"),
    "cls over mixed layers": ("cls", "stack:3", 1, "learned"),
}
DOCUMENTS, TOKENS, CLASSES, WIDTH = 5, 7, 3, 16
TARGETS = torch.tensor([0, 2, 1, 1, 0])


def models_of(case: str, count: int, dropout: float = 0.0) -> list[HeadModel]:
    pooling, layers, queries, mix = CASES[case]
    spec = spec_of(layers=layers)
    models = [model_of(spec, pooling, CLASSES, seed, mix, queries).double() for seed in range(count)]
    for model in models:
        model.classifier.dropout = dropout
    return models


def batch_of(models: Sequence[HeadModel], seed: int = 0) -> Batch:
    """A batch as the stack takes it, and as a head does; one document has a single text, and one a single token."""
    random = torch.Generator().manual_seed(seed)
    layers = 1 if models[0].mix is None else models[0].mix.count
    shape = (DOCUMENTS, TOKENS, *([layers] if models[0].mix is not None else []), WIDTH)
    values = torch.randn(shape, generator=random, dtype=torch.float64)
    lengths = torch.tensor([7, 1, 4, 5, 2])
    first = torch.tensor([3, 1, 4, 2, 1])
    batch = Batch.of(values, lengths, first)
    mix = models[0].mix
    return batch if mix is None or mix.kind == "learned" else mix(batch)


def stack_of(models: Sequence[HeadModel], standard: Standardisation | None = None) -> tuple[HeadStack, StackParameters]:
    """The stack, and its parameters."""
    parameters = [dict(model.named_parameters()) for model in models]
    stacked = StackParameters({name: torch.stack([own[name].detach() for own in parameters]) for name in parameters[0]})
    return HeadStack(stacked, models[0], standard), stacked


def of_head(gradients: Tensors, place: int) -> Tensors:
    """The gradients of one head of a stack."""
    return {name: gradient[place] for name, gradient in gradients.items()}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_losses_and_gradients_are_those_of_each_head_alone(case: str, dropout: float) -> None:
    models = models_of(case, 3, dropout)
    batch = batch_of(models)
    stack, parameters = stack_of(models)
    kept = [model.classifier.draw(DOCUMENTS) for model in models]
    drawn = [factors for factors in kept if factors is not None]
    stacked = (torch.stack([one for one, _ in drawn]), torch.stack([two for _, two in drawn])) if drawn else None
    losses = stack.learn(batch, TARGETS, stacked)
    for place, model in enumerate(models):
        loss = functional.cross_entropy(model(batch, kept[place]), TARGETS)
        torch.autograd.backward(loss)
        assert float(losses[place]) == pytest.approx(float(loss.detach()), rel=1e-12)
        gradients = of_head(parameters.gradients, place)
        plain = {name: parameter.grad for name, parameter in model.named_parameters()}
        assert set(gradients) == set(plain)
        torch.testing.assert_close(gradients, plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_single_precision_differs_by_rounding_alone(case: str) -> None:
    double, single = models_of(case, 2), [model.float() for model in models_of(case, 2)]
    batch = batch_of(double)
    (reference, exact), (stack, rounded) = stack_of(double), stack_of(single)
    reference.learn(batch, TARGETS, None)
    stack.learn(replace(batch, rows=batch.rows.float()), TARGETS, None)
    for place in range(2):
        for name, gradient in of_head(exact.gradients, place).items():
            distance = float((rounded.gradients[name][place].double() - gradient).norm())
            assert distance <= 1e-5 * float(gradient.norm()) + 1e-7, name


@pytest.mark.parametrize("case", CASES)
def test_logits_are_those_of_each_head_alone(case: str) -> None:
    models = models_of(case, 2, dropout=0.3)
    batch = batch_of(models)
    logits = stack_of(models)[0].logits(batch)
    for place, model in enumerate(models):
        torch.testing.assert_close(logits[place], model(batch).detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_heads_of_standardised_inputs_are_the_folded_heads_of_the_features_as_they_are(case: str) -> None:
    models = models_of(case, 3)
    batch = batch_of(models)
    random = torch.Generator().manual_seed(4)
    mean = torch.randn(WIDTH, generator=random, dtype=torch.float64)
    scale = torch.rand(WIDTH, generator=random, dtype=torch.float64) * 5
    standard = Standardisation(mean, scale)
    stack, parameters = stack_of(models, standard)
    logits, losses = stack.logits(batch), stack.learn(batch, TARGETS, None)
    for place, model in enumerate(models):
        weights = dict(model.named_parameters())
        folded = {**dict(model.named_buffers()), **(model.pooling.folded(weights, standard) or {})}
        plain = functional_call(model, folded, (batch,))
        torch.testing.assert_close(logits[place], plain.detach(), rtol=1e-9, atol=1e-12)
        loss = functional.cross_entropy(plain, TARGETS)
        torch.autograd.backward(loss)
        assert float(losses[place]) == pytest.approx(float(loss.detach()), rel=1e-12)
        expected = {name: parameter.grad for name, parameter in weights.items()}
        torch.testing.assert_close(of_head(parameters.gradients, place), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_second_batch_leaves_nothing_of_the_first(case: str) -> None:
    models = models_of(case, 2)
    (twice, found), (once, expected) = stack_of(models), stack_of(models)
    twice.learn(batch_of(models, 1), TARGETS, None)
    batch = batch_of(models, 2)
    assert torch.equal(twice.learn(batch, TARGETS, None), once.learn(batch, TARGETS, None))
    assert set(found.gradients) == set(expected.gradients)
    assert all(torch.equal(gradient, expected.gradients[name]) for name, gradient in found.gradients.items())
