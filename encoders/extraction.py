"""The result of encoding a block: packed features, rejected documents, and counts for the run report."""

from __future__ import annotations

from dataclasses import dataclass

from encore.featurestore.documents import FeatureBlock
from encore.featurestore.segments import RejectedDocument


@dataclass(frozen=True)
class Extraction:
    """The result of encoding a block of documents.

    Attributes:
        features: documents with their features, in the order of the block.
        rejected: documents without features, in the order of the block.
        tokens: number of encoded tokens, special ones included.
        padded_tokens: the same, padding included: tokens that the encoder computed.
        truncated: number of documents with features whose text was cut.
        saturated: number of floats that the quantizer could not represent.
        seconds: time in ``tokenize``, ``forward`` (pooling included) and ``quantize`` (copy to the host included).
    """

    features: FeatureBlock
    rejected: tuple[RejectedDocument, ...]
    tokens: int
    padded_tokens: int
    truncated: int
    saturated: int
    seconds: dict[str, float]
