"""Stacked heads are the heads alone: losses, gradients and logits against autograd over `HeadModel`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from heads.decoded import DecodedBatch
from heads.head_stack import HeadStack
from heads.learning_head import LearningHead
from heads.learning_weights import LearningWeights
from heads.model import HeadModel
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


def models_of(case: str, count: int, dropout: float = 0.0) -> list[HeadModel]:
    pooling, layers, queries, mix = CASES[case]
    spec = spec_of(layers=layers)
    models = [model_of(spec, pooling, CLASSES, seed, mix, queries).double() for seed in range(count)]
    for model in models:
        model.classifier.dropout = dropout
    return models


def batch_of(models: Sequence[HeadModel], seed: int = 0) -> tuple[DecodedBatch, tuple[torch.Tensor, ...]]:
    """A batch as the stack takes it, and as a head does; one document has a single text, and one a single token."""
    random = torch.Generator().manual_seed(seed)
    layers = 1 if models[0].mix is None else models[0].mix.count
    shape = (DOCUMENTS, TOKENS, *([layers] if models[0].mix is not None else []), WIDTH)
    values = torch.randn(shape, generator=random, dtype=torch.float64)
    lengths = torch.tensor([7, 1, 4, 5, 2])
    first = torch.tensor([3, 1, 4, 2, 1])
    targets = torch.tensor([0, 2, 1, 1, 0])
    decoded = DecodedBatch.of(np.arange(DOCUMENTS), values, lengths, first, targets, models[0].mix)
    return decoded, (values, lengths, *([first] if models[0].of_pairs else []))


class Gradients:
    """Keeps what a head hands on."""

    def __init__(self) -> None:
        self.found: dict[str, torch.Tensor] = {}

    def __call__(self, name: str, gradient: torch.Tensor) -> None:
        assert name not in self.found
        self.found[name] = gradient.clone()


def stack_of(models: Sequence[HeadModel]) -> HeadStack:
    heads = []
    for seed, model in enumerate(models):
        values = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        heads.append(LearningHead(LearningWeights(values, Gradients()), model, torch.Generator().manual_seed(seed)))
    return HeadStack(heads, models[0])


def gradients_of(stack: HeadStack, place: int) -> dict[str, torch.Tensor]:
    """What a head handed on since it was asked last."""
    take = stack.heads[place].weights.take
    assert isinstance(take, Gradients)
    gradients, take.found = take.found, {}
    return gradients


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_losses_and_gradients_are_those_of_each_head_alone(case: str, dropout: float) -> None:
    models = models_of(case, 3, dropout)
    batch, arguments = batch_of(models)
    stack = stack_of(models)
    losses = stack.learn(batch)
    for place, model in enumerate(models):
        model.train()
        model.classifier._generator = torch.Generator().manual_seed(place)
        loss = functional.cross_entropy(model(*arguments), batch.targets)
        torch.autograd.backward(loss)
        assert float(losses[place]) == pytest.approx(float(loss.detach()), rel=1e-12)
        gradients = gradients_of(stack, place)
        plain = {name: parameter.grad for name, parameter in model.named_parameters()}
        assert set(gradients) == set(plain)
        torch.testing.assert_close(gradients, plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_single_precision_differs_by_rounding_alone(case: str) -> None:
    double, single = models_of(case, 2), [model.float() for model in models_of(case, 2)]
    batch, _ = batch_of(double)
    reference, stack = stack_of(double), stack_of(single)
    reference.learn(batch)
    stack.learn(replace(batch, values=batch.values.float()))
    for place in range(2):
        rounded = gradients_of(stack, place)
        for name, gradient in gradients_of(reference, place).items():
            distance = float((rounded[name].double() - gradient).norm())
            assert distance <= 1e-5 * float(gradient.norm()) + 1e-7, name


@pytest.mark.parametrize("case", CASES)
def test_logits_are_those_of_each_head_alone(case: str) -> None:
    models = models_of(case, 2, dropout=0.3)
    batch, arguments = batch_of(models)
    logits = stack_of(models).logits(batch)
    for place, model in enumerate(models):
        torch.testing.assert_close(logits[place], model(*arguments).detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_second_batch_leaves_nothing_of_the_first(case: str) -> None:
    models = models_of(case, 2)
    twice, once = stack_of(models), stack_of(models)
    twice.learn(batch_of(models, 1)[0])
    assert all(gradients_of(twice, place) for place in range(2))
    batch, _ = batch_of(models, 2)
    assert torch.equal(twice.learn(batch), once.learn(batch))
    for place in range(2):
        other = gradients_of(once, place)
        assert all(torch.equal(gradient, other[name]) for name, gradient in gradients_of(twice, place).items())
