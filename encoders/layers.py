"""Layer pooling of hidden states: the paper's layer-wise pooling (section 4), done before anything is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from featurestore.layers import LayerPooling


def hidden_states(
    model: torch.nn.Module, inputs: dict[str, torch.Tensor], numbers: range, num_layers: int
) -> list[torch.Tensor]:
    """Run the encoder; hidden states (documents, longest, d) of the layers ``numbers``, lowest first.

    Layer 0 is the embedding layer. The last layer is the encoder's own output: where the architecture ends in a layer
    norm, that norm is part of it.
    """
    # Asked for by number, so that the states of all other layers are freed while the encoder runs.
    earlier = [number for number in numbers if number < num_layers]
    output = model(**inputs, output_hidden_states=earlier or False, return_dict=True)
    states = [output.hidden_states[number] for number in earlier]
    return states if len(earlier) == len(numbers) else [*states, output.last_hidden_state]


def pool_layers(
    layers: Sequence[torch.Tensor], pooling: LayerPooling, select: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Pool hidden states over layers and pick the rows to store.

    Args:
        layers: m hidden states (documents, longest, d), lowest layer first, in the dtype the encoder computed in.
        pooling: what to make of them.
        select: position pooling, (documents, longest, d) to (rows, d) in float32.

    Returns:
        float32 (rows, d), or (rows, m, d) for ``stack:m``.
    """
    if pooling.stacked is not None:
        return torch.stack([select(layer) for layer in layers], dim=1)
    if len(layers) == 1:
        return select(layers[0])
    total = layers[0].to(torch.float32, copy=True)
    for layer in layers[1:]:
        total += layer
    return select(total.div_(len(layers)))
