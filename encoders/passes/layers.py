"""Layer pooling of hidden states: the paper's layer-wise pooling (section 4), done before anything is stored."""

from __future__ import annotations

from collections.abc import Callable

import torch

from encore.encoders.transformer import Encoder
from encore.featurestore.layers import LayerPooling

Inputs = dict[str, torch.Tensor]


def pooled_layers(
    encoder: Encoder, inputs: Inputs, pooling: LayerPooling, select: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Run the encoder, pool its hidden states over layers, and pick the rows to store.

    Args:
        encoder: the encoder.
        inputs: argument of the model → (documents, longest).
        pooling: layer pooling.
        select: position pooling, from (documents, longest, d) to (rows, d) in float32.

    Returns:
        float32 (rows, d), or (rows, m, d) for ``stack:m``.
    """
    numbers = pooling.layer_numbers(encoder.spec.num_layers)
    if pooling.stacked is not None:
        return torch.stack([select(layer) for layer in hidden_states(encoder, inputs, numbers)], dim=1)
    if len(numbers) == 1:
        return select(hidden_states(encoder, inputs, numbers)[0])
    return select(mean_layer(encoder, inputs, numbers))


def hidden_states(encoder: Encoder, inputs: Inputs, numbers: range) -> list[torch.Tensor]:
    """Run the encoder. Return hidden states (documents, longest, d) of the layers ``numbers``, lowest first.

    Layer 0 is the embedding layer. The last layer is the encoder's output: if the architecture ends in a layer norm,
    the norm is part of it.
    """
    # Ask for layers by number, so that the states of all other layers are freed while the encoder runs.
    earlier = [number for number in numbers if number < encoder.spec.num_layers]
    output = encoder.model(**inputs, output_hidden_states=earlier or False, return_dict=True)
    states = [output.hidden_states[number] for number in earlier]
    return states if len(earlier) == len(numbers) else [*states, output.last_hidden_state]


def mean_layer(encoder: Encoder, inputs: Inputs, numbers: range) -> torch.Tensor:
    """Run the encoder. Return the mean of the layers ``numbers``, float32 (documents, longest, d).

    The last layer must be among ``numbers``. Each layer is added as soon as it is computed, while it is in the
    processor's cache, and is not kept.
    """
    mean = RunningMean()
    if encoder.taps is not None and encoder.taps.numbers.issuperset(numbers[:-1]):
        with encoder.taps.heard_by(lambda number, layer: mean.add(layer) if number in numbers else None):
            mean.add(encoder.model(**inputs, return_dict=True).last_hidden_state)
    else:
        for layer in hidden_states(encoder, inputs, numbers):
            mean.add(layer)
    return mean.finish()


class RunningMean:
    """The float32 mean of tensors of one shape, which needs memory for one tensor only."""

    def __init__(self) -> None:
        self._total: torch.Tensor | None = None
        self._count = 0

    def add(self, values: torch.Tensor) -> None:
        """Add one tensor. It is not kept."""
        self._count += 1
        if self._total is None:
            self._total = values.to(torch.float32, copy=True)
        else:
            self._total += values

    def finish(self) -> torch.Tensor:
        """The mean of the added tensors; ValueError if there are none."""
        if self._total is None:
            raise ValueError("the mean of no layers")
        return self._total.div_(self._count)
