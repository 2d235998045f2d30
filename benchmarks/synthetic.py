"""Stores of random features in documents as long as news, for benchmarks that no number's value matters to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from featurestore import Change, EncoderSpec, FeatureBlock, FeatureSpec, Store, TextSpec, commit
from featurestore.entries import SegmentEntry
from featurestore.segments import EncodingCounts, write_segment
from tests.strategies import document_index

WIDTH = 384
UNIT = 1024
MAX_TOKENS = 256
LOG_MEAN, LOG_DEVIATION = 3.704, 0.381
"""Of the number of tokens of a text of AG's News under minilm: 43.7 on average, 5 % under 20 and 5 % over 70."""


def news_lengths(documents: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """(documents,) int64: numbers of tokens."""
    lengths = np.exp(random.normal(LOG_MEAN, LOG_DEVIATION, documents))
    return lengths.round().astype(np.int64).clip(9, MAX_TOKENS)


def synthetic_store(folder: Path, documents: int, quantizer: str, codec: str) -> Store:
    """A committed store of normally distributed features of minilm's width, in segments of `UNIT` documents."""
    encoder = EncoderSpec(weights="0" * 64, tokenizer="0" * 64, hidden_size=WIDTH, num_layers=6, name="random")
    random = np.random.default_rng(0)
    spec = FeatureSpec.build(encoder, TextSpec(MAX_TOKENS), "mean:6", "tokens", quantizer)
    features = torch.from_numpy(random.standard_normal((UNIT * MAX_TOKENS // 4, WIDTH), np.float32))
    store = Store.create(str(folder), calibrated(spec, features))
    pool = store.spec.quantizer.quantize(features).numpy()
    entries = []
    for start in range(0, documents, UNIT):
        ids = [f"document-{number:08d}" for number in range(start, min(start + UNIT, documents))]
        lengths = news_lengths(len(ids), random)
        rows = random.integers(0, len(pool), lengths.sum())
        packed = pool[rows]
        block = FeatureBlock(document_index(ids, ids, lengths.tolist()), packed, np.cumsum([0, *lengths]))
        counts = EncodingCounts(len(packed), len(packed))
        name = store.segment_for(block.index)
        entries.append(SegmentEntry.of(write_segment(store.objects, name, block, store.spec, counts, codec=codec)))
    return commit(store, Change(store.version, "encode", entries))


def calibrated(spec: FeatureSpec, features: torch.Tensor) -> FeatureSpec:
    """The spec, its quantizer calibrated on features (rows, width) where it has to be."""
    while (statistics := spec.quantizer.calibration_pass()) is not None:
        statistics.update(features)
        spec = spec.with_quantizer(spec.quantizer.with_calibration(statistics))
    return spec
