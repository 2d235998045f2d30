"""One batch through the encoder: tokens to float features, pooled over layers and positions, padding dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from encoders.encoder import Encoder
from encoders.inputs import batch_inputs
from encoders.layers import hidden_states, pool_layers
from encoders.positions import Positions
from encoders.ragged import Index, offsets_of
from encoders.tokens import TokenBlock
from featurestore.spec import FeatureSpec


@dataclass(frozen=True, eq=False)
class BatchFeatures:
    """Float features of a batch.

    Attributes:
        values: float32 (rows, d), or (rows, m, d) for ``stack:m``, on the encoder's device: the rows of all documents
            that have finite features, one document after another.
        finite: (documents,) bool: which those are.
        padded_tokens: documents times longest.
    """

    values: torch.Tensor
    finite: npt.NDArray[np.bool_]
    padded_tokens: int


@torch.inference_mode()
def encode_batch(encoder: Encoder, spec: FeatureSpec, tokens: TokenBlock, documents: Index) -> BatchFeatures:
    """Encode the documents at these positions of ``tokens`` as one padded batch."""
    inputs = batch_inputs(encoder, tokens, documents)
    kept = inputs.real.copy()
    if not spec.text.special_tokens:
        kept[inputs.real] = ~tokens.special[inputs.source]
    positions = Positions.build(spec.positions, kept, encoder.device)
    num_layers = encoder.spec.num_layers
    layers = hidden_states(encoder.model, inputs.tensors, spec.layers.layer_numbers(num_layers), num_layers)
    values = pool_layers(layers, spec.layers, positions.select)
    finite_rows = torch.isfinite(values).flatten(1).all(dim=1).cpu().numpy()
    finite = np.logical_and.reduceat(finite_rows, offsets_of(positions.lengths)[:-1])
    if not finite.all():
        values = values[torch.from_numpy(np.repeat(finite, positions.lengths)).to(encoder.device)]
    return BatchFeatures(values, finite, inputs.real.size)
