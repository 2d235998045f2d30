"""The calibration sample: the documents with the smallest hashes of their ids, the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from encore.featurestore.common import torch
from encore.featurestore.derivation import Derivation
from encore.featurestore.store import Store

SAMPLE_DOCUMENTS = 1024
"""Documents of the sample: some 50,000 token vectors of typical text."""
PART_DOCUMENTS = 128
"""Documents that are measured at a time."""


def sample_activations(source: Store, derivation: Derivation) -> Iterator[torch.Tensor]:
    """Float features (rows, [m,] width) of a store's sample, as a derivation's quantizer is to see them, in parts.

    Args:
        source: the richer store; its key index is sorted by hash, so that the sample is what comes first.
        derivation: which layers and positions.
    """
    documents = min(SAMPLE_DOCUMENTS, len(source.keys))
    for start in range(0, documents, PART_DOCUMENTS):
        stop = min(start + PART_DOCUMENTS, documents)
        yield derivation.activations(source.gather_positions(np.arange(start, stop)))
