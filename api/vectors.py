"""Stored features as floats, document by document."""

from __future__ import annotations

import numpy as np
import torch

from encore.featurestore.common import Vectors
from encore.featurestore.documents import FeatureBlock
from encore.featurestore.errors import UsageError
from encore.featurestore.spec import FeatureSpec
from encore.heads.model import check_pooling

POOLED = ("mean", "cls")
"""Poolings without learned parameters: one vector a document."""


def document_vectors(block: FeatureBlock, spec: FeatureSpec) -> list[Vectors]:
    """(tokens, d) of each document of a block, or (tokens, m, d) of a ``stack:m`` store."""
    values: Vectors = _decoded(block, spec).numpy()
    return [values[start:stop] for start, stop in zip(block.offsets[:-1], block.offsets[1:], strict=True)]


def pooled_vectors(block: FeatureBlock, spec: FeatureSpec, pooled: str) -> Vectors:
    """(documents, d) of a block, or (documents, m, d) of a ``stack:m`` store.

    Raises:
        UsageError: no such pooling, or the store does not hold what it needs.
    """
    if pooled not in POOLED:
        raise UsageError(f"pooled {pooled!r}: expected {' or '.join(POOLED)}")
    check_pooling(pooled, spec)
    values = _decoded(block, spec)
    if pooled == "cls":
        return values[torch.from_numpy(block.offsets[:-1])].numpy()
    return torch.segment_reduce(values, "mean", lengths=torch.from_numpy(block.lengths), axis=0).numpy()


def _decoded(block: FeatureBlock, spec: FeatureSpec) -> torch.Tensor:
    return spec.quantizer.dequantize(torch.from_numpy(np.ascontiguousarray(block.packed)), spec.width)
