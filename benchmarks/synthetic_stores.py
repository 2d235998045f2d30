"""Stores for benchmarks: features of a few texts under many ids, or random ones where no number's value matters.

How far a codec makes features smaller, and how fast it gives them back, is a matter of their values. Products are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import torch

from benchmarks.corpus import default_corpus
from encore.featurestore import Catalogue, Change, EncoderSpec, FeatureBlock, FeatureSpec, Quantizer, TextSpec, commit
from encore.featurestore.segments import EncodingCounts, SegmentEntry, write_segment
from encore.pipelines.encoding import EncodeRequest, encode
from tests.documents import document_index

WIDTH = 384
UNIT = 1024
TEXTS = 2 * UNIT
"""Texts that are encoded: none comes twice in a segment, where a codec would find it."""
MAX_TOKENS = 256
LOG_MEAN, LOG_DEVIATION = 3.704, 0.381
"""Of the number of tokens of a text of AG's News under minilm: 43.7 on average, 5 % under 20 and 5 % over 70."""

PackedRows = npt.NDArray[np.generic]


class Documents(Protocol):
    """What the documents of a store hold."""

    @property
    def sample(self) -> torch.Tensor:
        """(rows, WIDTH) float32: features to calibrate a quantizer on."""

    def packed(self, quantizer: Quantizer, start: int, stop: int) -> tuple[PackedRows, npt.NDArray[np.int64]]:
        """Packed rows of documents start to stop, and how many each has."""


@dataclass(frozen=True)
class RandomDocuments:
    """Normally distributed features in documents as long as news."""

    sample: torch.Tensor

    @classmethod
    def make(cls) -> RandomDocuments:
        """With a fixed seed."""
        rows = np.random.default_rng(0).standard_normal((UNIT * MAX_TOKENS // 4, WIDTH), np.float32)
        return cls(torch.from_numpy(rows))

    def packed(self, quantizer: Quantizer, start: int, stop: int) -> tuple[PackedRows, npt.NDArray[np.int64]]:
        """Rows of the sample, at random."""
        random = np.random.default_rng(start)
        lengths = news_lengths(stop - start, random)
        rows = random.integers(0, len(self.sample), lengths.sum())
        return quantizer.quantize(self.sample[torch.from_numpy(rows)]).numpy(), lengths


@dataclass(frozen=True)
class TextDocuments:
    """Features of some texts, in turn.

    Attributes:
        sample: (rows, WIDTH) float32: those of all texts.
        offsets: (texts + 1,) int64: where each text's rows begin and end.
    """

    sample: torch.Tensor
    offsets: npt.NDArray[np.int64]

    @classmethod
    def encode(cls, folder: Path, corpus: str | None = None) -> TextDocuments:
        """Encode the first texts of a corpus, the default one unless named, with minilm; ``folder`` is for the work."""
        folder.mkdir(parents=True, exist_ok=True)
        texts, store = folder / "texts.parquet", folder / "store"
        table = pq.read_table(corpus or str(default_corpus(folder)), columns=["doc_id", "text"])
        pq.write_table(table.slice(0, TEXTS), texts)
        request = EncodeRequest((str(texts),), str(store), layers="mean:6", quantizer="float16", codec="none")
        if (report := encode(request)).exit_code:
            raise RuntimeError(f"the texts cannot be encoded: {report.document['failures']}")
        blocks = list(Catalogue.open(str(store)).scan())
        features = torch.from_numpy(np.concatenate([block.packed for block in blocks])).float()
        return cls(features, np.cumsum([0, *np.concatenate([block.lengths for block in blocks])]))

    def in_bytes(self, size: float, bits: int) -> int:
        """How many documents take so many bytes, with so many bits a number."""
        rows = len(self.sample) / (len(self.offsets) - 1)
        return round(size / (rows * WIDTH * bits / 8))

    def packed(self, quantizer: Quantizer, start: int, stop: int) -> tuple[PackedRows, npt.NDArray[np.int64]]:
        """All rows of each text."""
        texts = np.arange(start, stop) % (len(self.offsets) - 1)
        lengths = np.diff(self.offsets)[texts]
        ends = np.cumsum(lengths)
        rows = np.arange(ends[-1]) + np.repeat(self.offsets[texts] - (ends - lengths), lengths)
        return quantizer.quantize(self.sample[torch.from_numpy(rows)]).numpy(), lengths


def news_lengths(documents: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """(documents,) int64: numbers of tokens."""
    lengths = np.exp(random.normal(LOG_MEAN, LOG_DEVIATION, documents))
    return lengths.round().astype(np.int64).clip(9, MAX_TOKENS)


def synthetic_store(
    folder: Path, documents: int, quantizer: str, codec: str, content: Documents | None = None
) -> Catalogue:
    """A committed store of minilm's width in segments of `UNIT` documents, of random features unless given others."""
    content = content or RandomDocuments.make()
    encoder = EncoderSpec(weights="0" * 64, tokenizer="0" * 64, hidden_size=WIDTH, num_layers=6, name="random")
    spec = FeatureSpec.build(encoder, TextSpec(MAX_TOKENS), "mean:6", "tokens", quantizer)
    store = Catalogue.create(str(folder), calibrated(spec, content.sample))
    entries = []
    for start in range(0, documents, UNIT):
        ids = [f"document-{number:08d}" for number in range(start, min(start + UNIT, documents))]
        packed, lengths = content.packed(store.spec.quantizer, start, start + len(ids))
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
