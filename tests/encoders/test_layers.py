"""Layer pooling of hidden states."""

import pytest
import torch

from encoders import Encoder
from encoders.layers import hidden_states, pool_layers
from featurestore.layers import LayerPooling

IDS = torch.tensor([[2, 40, 50, 3]])


def first(values: torch.Tensor) -> torch.Tensor:
    return values[:, 0].float()


@pytest.mark.parametrize("numbers", [range(3, 4), range(1, 2), range(2, 4), range(1, 4)])
def test_the_layers_asked_for_are_those_of_transformers(bert: Encoder, numbers: range) -> None:
    inputs = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
    every = bert.model(**inputs, output_hidden_states=True).hidden_states
    states = hidden_states(bert.model, inputs, numbers, 3)
    assert len(states) == len(numbers)
    for state, number in zip(states, numbers, strict=True):
        torch.testing.assert_close(state, every[number], rtol=0, atol=0)


def test_layers_are_averaged_in_single_precision_and_left_as_they_are() -> None:
    layers = [torch.full((1, 2, 1), value, dtype=torch.bfloat16) for value in (256.0, 1.0, 1.0)]
    assert pool_layers(layers, LayerPooling("mean", 3), first).item() == pytest.approx(86.0)
    assert layers[0][0, 0, 0] == 256.0


def test_stacked_layers_are_lowest_first() -> None:
    layers = [torch.full((2, 2, 1), value) for value in (1.0, 2.0)]
    stacked = pool_layers(layers, LayerPooling("stack", 2), first)
    assert stacked.squeeze(-1).tolist() == [[1.0, 2.0], [1.0, 2.0]]
