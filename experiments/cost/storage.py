"""Bytes of a document's features (paper, table 2), from the quantizers' own count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from encore.experiments.cost.encoder_shapes import EncoderShape
from encore.featurestore.layers import LayerPooling
from encore.featurestore.quantizers import REGISTRY, parse_quantizer

KIBI, MEBI = 1024, 1024**2


@dataclass(frozen=True)
class StorageRow:
    """One row of table 2.

    Attributes:
        layers: layer poolings that cost alike.
        positions: position poolings that cost alike.
        vectors: vectors of a document.
        document_bytes: kind of quantizer → bytes of a document's features.
    """

    layers: str
    positions: str
    vectors: int
    document_bytes: Mapping[str, int]


def storage_rows(shape: EncoderShape, tokens: int) -> tuple[StorageRow, ...]:
    """Table 2 for an encoder and texts of ``tokens`` tokens, with rows for stacked layers at one position added."""
    stack = f"stack:{shape.num_layers}"
    return (
        _row(shape, tokens, "last, mean:m", "cls, mean", "last", "mean"),
        _row(shape, tokens, "last, mean:m", "tokens", "last", "tokens"),
        _row(shape, tokens, stack, "cls, mean", stack, "mean"),
        _row(shape, tokens, stack, "tokens", stack, "tokens"),
    )


def _row(shape: EncoderShape, tokens: int, layers: str, positions: str, layer: str, position: str) -> StorageRow:
    pooling = LayerPooling.parse(layer)
    count = vectors_per_document(tokens, pooling, position)
    return StorageRow(layers, positions, count, document_bytes(shape, tokens, pooling, position))


def vectors_per_document(tokens: int, layers: LayerPooling, positions: str) -> int:
    """Vectors of a document: stored positions times stacked layers."""
    return (tokens if positions == "tokens" else 1) * (layers.stacked or 1)


def document_bytes(shape: EncoderShape, tokens: int, layers: LayerPooling, positions: str) -> dict[str, int]:
    """Kind of quantizer → bytes of a document's features. Index, metadata and lossless codecs are not counted."""
    vectors = vectors_per_document(tokens, layers, positions)
    return {kind: vectors * parse_quantizer(kind).bytes_per_vector(shape.hidden_size) for kind in REGISTRY}


def as_the_paper_rounds(count: int) -> str:
    """Bytes as table 2 prints them: 128, 6K, 2.3M, in steps of 1,024."""
    if count < KIBI:
        return str(count)
    return f"{count / KIBI:.0f}K" if count < MEBI else f"{count / MEBI:.1f}M"
