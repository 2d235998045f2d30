"""A padded batch of tokens in the form that the model takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from encore.encoders.batches import TokenBlock
from encore.encoders.passes.transfer import to_device
from encore.encoders.transformer import Encoder
from encore.featurestore.common import Int64s


@dataclass(frozen=True, eq=False)
class BatchInputs:
    """One batch.

    Attributes:
        tensors: argument of the model → (rows, length) int64 on its device. Rows after the documents are empty.
        real: (documents, length) bool on the host: True for tokens, False for padding.
        source: (real tokens,) int64: where the batch's tokens lie in the block, in the order of ``real``.
    """

    tensors: dict[str, torch.Tensor]
    real: npt.NDArray[np.bool_]
    source: Int64s


def batch_inputs(encoder: Encoder, tokens: TokenBlock, documents: Int64s) -> BatchInputs:
    """The documents at these positions of ``tokens`` as one padded batch."""
    real, ids, source = tokens.padded(documents, encoder.pad_id, encoder.padding)
    mask = real.astype(np.int64)
    # Empty rows attend to all their positions: a row that attends to nothing would be divided by zero.
    mask[len(documents) :] = 1
    arrays = {"input_ids": ids, "attention_mask": mask}
    if encoder.token_types:
        types = np.zeros_like(ids)
        types[real] = tokens.types[source]
        arrays["token_type_ids"] = types
    tensors = {name: to_device(values, encoder.device) for name, values in arrays.items()}
    return BatchInputs(tensors, real[: len(documents)], source)
