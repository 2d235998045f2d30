"""Packed features of a block to batches of floats."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from encore.featurestore.common import Int64s
from encore.featurestore.documents import FeatureBlock
from encore.featurestore.errors import StoreError
from encore.featurestore.spec import FeatureSpec
from encore.heads.batches.batch import Batch
from encore.heads.batches.decoding_table import DecodingTable


def check_block(block: FeatureBlock, spec: FeatureSpec) -> None:
    """Raise StoreError unless a block holds features of this spec, at least one vector a document."""
    if block.packed.shape[1:] != spec.packed_shape or block.packed.dtype != np.dtype(spec.quantizer.dtype):
        raise StoreError(
            f"features of type {block.packed.dtype} and shape {block.packed.shape[1:]} do not match the spec, which "
            f"has {spec.quantizer.dtype} and {spec.packed_shape}"
        )
    if not block.lengths.all():
        doc_id = block.doc_ids[int(block.lengths.argmin())]
        raise StoreError(f"document {doc_id} has no stored vector; restore it from a copy of the store")


def decode(
    block: FeatureBlock,
    documents: Int64s,
    spec: FeatureSpec,
    first_lengths: Int64s | None = None,
    memory: Callable[[int], torch.Tensor] | None = None,
) -> Batch:
    """Decode some documents of a block to a batch.

    Args:
        block: packed features of the spec.
        documents: (documents,) positions of the wanted documents in the block.
        spec: spec of the features.
        first_lengths: (all documents,) tokens before the second text's own; None where no head needs them.
        memory: allocates the rows. It is called with their number and returns (rows, [m,] d) floats.
    """
    packed, lengths = pad(block.packed, block.offsets, documents)
    flat = packed.flatten(0, 1)
    rows = spec.quantizer.dequantize(flat, spec.width, out=None if memory is None else memory(len(flat)))
    first = None if first_lengths is None else torch.from_numpy(first_lengths[documents])
    return Batch(rows, packed.shape[1], lengths, first)


def decode_on(
    table: DecodingTable, block: FeatureBlock, documents: Int64s, first_lengths: Int64s | None = None
) -> Batch:
    """Copy some documents of a block to the device of a table, and decode them there to a batch.

    Packed features are copied, not floats: a token of 384 signs is 48 bytes.

    Args:
        table: decodes features of the block's spec.
        block: packed features.
        documents: (documents,) positions of the wanted documents in the block.
        first_lengths: (all documents,) tokens before the second text's own; None where no head needs them.
    """
    packed, lengths = pad(block.packed, block.offsets, documents)
    first = None if first_lengths is None else torch.from_numpy(first_lengths[documents]).to(table.device)
    rows = table(packed.flatten(0, 1).to(table.device))
    return Batch(rows, packed.shape[1], lengths.to(table.device), first)


def pad(packed: npt.NDArray[np.generic], offsets: Int64s, documents: Int64s) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad the packed rows of some documents to one length.

    Args:
        packed: (rows, ...) packed features of all documents.
        offsets: (all documents + 1,) where each document starts and ends.
        documents: (documents,) positions of the wanted documents.

    Returns:
        (documents, longest, ...) packed rows and (documents,) lengths. The padding after a document is a row of another
        document: its numbers are finite, and the reader masks them.
    """
    starts = offsets[documents]
    lengths = offsets[documents + 1] - starts
    rows = starts[:, None] + np.arange(lengths.max(initial=0))
    np.minimum(rows, len(packed) - 1, out=rows)
    return torch.from_numpy(packed.take(rows, axis=0)), torch.from_numpy(lengths)
