"""The stores of the word-sense probe: sentences encoded once, then each layer and quantizer derived from that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from encore.featurestore import Catalogue, JobError, UsageError
from encore.featurestore.layers import LayerPooling
from encore.pipelines.encoding import EncodeRequest, encode
from encore.pipelines.ingestion import DeriveRequest, derive
from encore.pipelines.progress import ProgressDisplay, SilentDisplay
from encore.pipelines.runs import JobReport

ORIGINAL = "float16"
"""Quantizer of features that count as not quantized."""

CODEC = "none"
"""These stores are read once or twice: compressing them would cost more than it saves."""


@dataclass(frozen=True)
class SentenceStores:
    """The stores of the probe, and the settings that encode into them. Stores of an earlier run are used again.

    Attributes:
        out: folder of the corpus and the stores.
        encoder: what `load_encoder` takes.
        num_layers: layers of the encoder.
        layers: the layers to read, numbered from 1.
        device, dtype: where and in what the encoder runs.

    Raises:
        UsageError: a layer that the encoder does not have.
    """

    out: Path
    encoder: str
    num_layers: int
    layers: tuple[int, ...]
    device: str
    dtype: str

    def __post_init__(self) -> None:
        for layer in self.layers:
            if layer < 1:
                raise UsageError(f"layer {layer}: layers are numbered 1 to {self.num_layers}")
            LayerPooling("layer", layer).check(self.num_layers)

    def encode(self, sentences: pa.Table, display: ProgressDisplay) -> Catalogue:
        """Every token of the sentences: of one layer, or, for several, of all from the lowest on.

        Raises:
            JobError: the encoding did not finish.
        """
        corpus = self.out / "sentences.parquet"
        corpus.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(sentences, corpus)
        lowest = min(self.layers)
        layers = f"layer:{lowest}" if len(self.layers) == 1 else f"stack:{self.num_layers - lowest + 1}"
        uri = self._uri(layers, ORIGINAL)
        request = EncodeRequest(
            (str(corpus),),
            uri,
            encoder=self.encoder,
            layers=layers,
            quantizer=ORIGINAL,
            device=self.device,
            dtype=self.dtype,
            codec=CODEC,
        )
        _require_done(encode(request, display=display), "encode", uri)
        return Catalogue.open(uri)

    def derive(self, source: Catalogue, layer: int, quantizer: str) -> Catalogue:
        """Derive the features of one layer under a quantizer. Return ``source`` itself if it holds exactly these.

        Raises:
            JobError: deriving them did not finish.
        """
        layers = f"layer:{layer}"
        if (str(source.spec.layers), source.spec.quantizer.request) == (layers, quantizer):
            return source
        uri = self._uri(layers, quantizer)
        request = DeriveRequest(source.uri, uri, layers=layers, quantizer=quantizer, codec=CODEC)
        report = derive(request, display=SilentDisplay())
        _require_done(report, "derive", uri)
        return Catalogue.open(uri)

    def _uri(self, layers: str, quantizer: str) -> str:
        return str(self.out / "stores" / "-".join(word.replace(":", "-") for word in (layers, quantizer)))


def _require_done(report: JobReport, job: str, uri: str) -> None:
    if report.exit_code:
        reasons = report.document["dead_letters"]["reasons"]
        raise JobError(
            f"{job} into {uri} did not finish ({reasons or 'units failed'}); run the experiment again to resume"
        )
