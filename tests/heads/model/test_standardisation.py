"""Standardised inputs, and the affine map that takes them as they were."""

from __future__ import annotations

import torch

from encore.heads.model.standardisation import Standardisation


def test_values_are_centred_and_scaled() -> None:
    standard = Standardisation(torch.tensor([1.0, -2.0]), torch.tensor([2.0, 0.5]))
    values = torch.tensor([[1.0, 0.0], [2.0, -2.0]])
    assert standard(values).tolist() == [[0.0, 1.0], [2.0, 0.0]]
    assert values.tolist() == [[1.0, 0.0], [2.0, -2.0]]


def test_a_map_of_standardised_values_is_one_of_the_values_as_they_are() -> None:
    random = torch.Generator().manual_seed(0)
    standard = Standardisation(torch.randn(5, generator=random), torch.rand(5, generator=random))
    weights = {"w": torch.randn(3, 5, generator=random), "b": torch.randn(3, generator=random)}
    folded = standard.into(weights, "w", "b")
    assert folded["w"].dtype == folded["b"].dtype == torch.float32
    assert (
        standard.into({name: value.double() for name, value in weights.items()}, "w", "b")["b"].dtype == torch.float64
    )
    values = torch.randn(7, 5, generator=random)
    expected = standard(values) @ weights["w"].T + weights["b"]
    torch.testing.assert_close(values @ folded["w"].T + folded["b"], expected, rtol=1e-4, atol=1e-5)
