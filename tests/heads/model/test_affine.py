"""The affine map whose gradient lies as its weight does."""

from __future__ import annotations

import torch
from torch.nn import functional

from encore.heads.model.affine import affine


def test_it_is_torchs_linear_map() -> None:
    values, weight, bias = torch.randn(5, 4), torch.randn(3, 4), torch.randn(3)
    torch.testing.assert_close(affine(values, weight, bias), functional.linear(values, weight, bias))


def test_the_gradient_of_stacked_weights_lies_as_they_do() -> None:
    values = torch.randn(2, 5, 4)
    weights, biases = torch.randn(2, 3, 4, requires_grad=True), torch.randn(2, 3)
    mapped = torch.vmap(affine)(values, weights, biases)
    (gradient,) = torch.autograd.grad(mapped.square().sum(), [weights])
    assert gradient.stride() == weights.stride()
