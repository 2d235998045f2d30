"""Mixing stacked layers: uniform, or by learned weights."""

from __future__ import annotations

import pytest
import torch

from encore.featurestore import UsageError
from encore.heads.batches.batch import Batch
from encore.heads.model.layer_mix import LayerMix

LENGTHS = torch.tensor([3, 1])


def test_the_uniform_mix_is_the_mean_of_the_layers() -> None:
    values = torch.randn(2, 3, 4, 5)
    mix = LayerMix("uniform", 4)
    torch.testing.assert_close(mix(Batch.of(values, LENGTHS)).values, values.mean(dim=2))
    assert not list(mix.parameters())
    assert not mix.state_dict()


def test_the_learned_mix_starts_uniform_and_weighs_by_softmax() -> None:
    values = torch.randn(2, 3, 4, 5)
    mix = LayerMix("learned", 4)
    torch.testing.assert_close(mix(Batch.of(values, LENGTHS)).values, values.mean(dim=2))
    with torch.no_grad():
        mix.logits.copy_(torch.tensor([0.0, 1.0, -1.0, 2.0]))
    weights = mix.logits.detach().exp() / mix.logits.detach().exp().sum()
    expected = sum(values[:, :, layer] * weights[layer] for layer in range(4))
    torch.testing.assert_close(mix(Batch.of(values, LENGTHS)).values.detach(), expected)


def test_the_learned_mix_learns() -> None:
    mix = LayerMix("learned", 3)
    mix(Batch.of(torch.randn(2, 3, 3, 5), LENGTHS)).rows.square().sum().backward()
    assert mix.logits.grad is not None
    assert mix.logits.grad.abs().max() > 0


def test_an_unknown_mix_is_refused() -> None:
    with pytest.raises(UsageError, match="layer mix 'no-such-mix': expected uniform or learned"):
        LayerMix("no-such-mix", 3)
