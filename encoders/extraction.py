"""What comes of a block of documents: packed features, rejected documents, and counts for the run report."""

from __future__ import annotations

from dataclasses import dataclass

from encore.featurestore.documents import FeatureBlock
from encore.featurestore.segments import RejectedDocument


@dataclass(frozen=True)
class Extraction:
    """What came of a block of documents.

    Attributes:
        features: the documents that have features, in their order.
        rejected: those that have none, in the order of their places in the block.
        tokens: tokens that were encoded, special ones included.
        padded_tokens: the same with padding: what was computed on.
        truncated: documents with features whose text was cut.
        saturated: floats that the quantizer could not represent.
        seconds: time in ``tokenize``, ``forward`` (pooling included) and ``quantize`` (copy to the host included).
    """

    features: FeatureBlock
    rejected: tuple[RejectedDocument, ...]
    tokens: int
    padded_tokens: int
    truncated: int
    saturated: int
    seconds: dict[str, float]
