"""One batch through the encoder: from tokens to float features, pooled over layers and positions, without padding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from encore.encoders.batches import TokenBlock
from encore.encoders.passes.inputs import batch_inputs
from encore.encoders.passes.layers import pooled_layers
from encore.encoders.passes.positions import StoredPositions
from encore.encoders.passes.transfer import to_device
from encore.encoders.transformer import Encoder
from encore.featurestore.common import Int64s
from encore.featurestore.documents import offsets_of
from encore.featurestore.spec import FeatureSpec


@dataclass(frozen=True, eq=False)
class BatchFeatures:
    """Float features of a batch.

    Attributes:
        values: float32 (rows, d), or (rows, m, d) for ``stack:m``, on the encoder's device: one document after another.
        finite_rows: (rows,) bool on the same device: whether a row holds neither NaN nor inf.
        lengths: (documents,) int64 on the host: rows of each document.
        padded_tokens: tokens that the encoder computed, padding included.
    """

    values: torch.Tensor
    finite_rows: torch.Tensor
    lengths: Int64s
    padded_tokens: int

    def finite_values(self) -> torch.Tensor:
        """The values of those documents whose values are all finite. This waits for the device."""
        finite = finite_documents(self.finite_rows.cpu().numpy(), self.lengths)
        if finite.all():
            return self.values
        return self.values[to_device(np.repeat(finite, self.lengths), self.values.device)]


def finite_documents(finite_rows: npt.NDArray[np.generic], lengths: Int64s) -> npt.NDArray[np.bool_]:
    """(documents,) bool: whether all rows of a document are finite, from (rows,) bool and the rows of each document."""
    return np.logical_and.reduceat(finite_rows, offsets_of(lengths)[:-1])


@torch.inference_mode()
def encode_batch(encoder: Encoder, spec: FeatureSpec, tokens: TokenBlock, documents: Int64s) -> BatchFeatures:
    """Encode the documents at these positions of ``tokens`` as one padded batch."""
    inputs = batch_inputs(encoder, tokens, documents)
    kept = inputs.real.copy()
    if not spec.text.special_tokens:
        kept[inputs.real] = ~tokens.special[inputs.source]
    positions = StoredPositions.build(spec.positions, kept, encoder.device)
    values = pooled_layers(encoder, inputs.tensors, spec.layers, positions.select)
    finite_rows = torch.isfinite(values).flatten(1).all(dim=1)
    return BatchFeatures(values, finite_rows, positions.lengths, inputs.tensors["input_ids"].numel())
