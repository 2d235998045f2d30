"""One batch through encoder and heads: from tokens to logits, with or without gradients."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from encore.encoders.batches import TokenBlock, default_budget, longest_first, split_by_budget
from encore.encoders.behaviour import with_safe_padding
from encore.encoders.passes import StoredPositions, batch_inputs
from encore.encoders.transformer import Encoder
from encore.featurestore.common import Int64s

CUDA_TRAINING_BUDGET = 8192
"""Padded tokens of a training pass on CUDA, computed and not measured: what a large encoder (24 layers, d = 1024) keeps
for its gradient then takes some 7 GB in half precision."""


def training_budget(device: torch.device) -> int:
    """Padded tokens of one forward and backward pass on this kind of device."""
    return CUDA_TRAINING_BUDGET if device.type == "cuda" else default_budget(device)


def pooled_batch(
    encoder: Encoder, tokens: TokenBlock, documents: Int64s, position: str, precision: str
) -> torch.Tensor:
    """Pooled last layer of the documents at these positions, as one padded batch.

    Args:
        encoder: its model may be in training mode.
        tokens: of all documents.
        documents: (documents,) positions in ``tokens``.
        position: ``cls`` or ``mean``.
        precision: ``float32``, or ``bfloat16`` by autocast.

    Returns:
        float32 (documents, d) on the encoder's device.
    """
    inputs = batch_inputs(encoder, tokens, documents)
    with torch.autocast(encoder.device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        hidden = encoder.model(**inputs.tensors, return_dict=True).last_hidden_state
    return StoredPositions.build(position, inputs.real, encoder.device).select(hidden)


@torch.inference_mode()
def predict_classes(
    encoder: Encoder,
    head: nn.Module,
    tokens: TokenBlock,
    position: str,
    *,
    precision: str = "float32",
) -> npt.NDArray[np.int64]:
    """Predict the most likely class of every document.

    Args:
        encoder: runs in evaluation mode; its mode is restored.
        head: module from pooled (documents, d) to logits (documents, classes); its mode is restored, too.
        tokens: of the documents.
        position: ``cls`` or ``mean``.
        precision: ``float32`` or ``bfloat16``.

    Returns:
        (documents,) int64 positions of the classes.

    Raises:
        UsageError: the encoder cannot give documents of these lengths the features that they have alone.
    """
    encoder = with_safe_padding(encoder, int(tokens.lengths.max(initial=0)))
    budget = default_budget(encoder.device)
    modes = encoder.model.training, head.training
    encoder.model.eval()
    head.eval()
    order = longest_first(tokens.lengths)
    predicted = np.empty(len(tokens), np.int64)
    try:
        for part in split_by_budget(tokens.lengths[order], budget, encoder.padding):
            pooled = pooled_batch(encoder, tokens, order[part], position, precision)
            predicted[order[part]] = head(pooled).argmax(dim=1).cpu().numpy()
    finally:
        encoder.model.train(modes[0])
        head.train(modes[1])
    return predicted
