"""The encoder in Beam's RunInference: documents of a unit → packed features."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apache_beam.ml.inference.base import ModelHandler

from encore.encoders import FeatureExtractor
from encore.featurestore import FeatureSpec
from encore.featurestore.common import panics_as_errors
from encore.featurestore.segments import EncodingCounts
from encore.pipelines.encoding.resident_encoders import resident_encoder
from encore.pipelines.flow import FailedUnit, Failure, Interruption, UnitDocuments, UnitFeatures
from encore.pipelines.progress import SharedCounts, UnitCounts


class ExtractorHandler(ModelHandler[Any, Any, FeatureExtractor]):
    """Loads one feature extractor a process, which its threads share. Subclasses say what runs through it."""

    def __init__(
        self, encoder: str, device: str, spec: FeatureSpec, cores: int | None, shared_counts: SharedCounts
    ) -> None:
        """Keep the name of the encoder. `load_model` loads it, on a worker.

        ``cores`` are divided among the threads of a process that encode. None does not change torch's threads.
        ``shared_counts`` counts the documents of a unit while it is encoded, and reports an interruption.
        """
        super().__init__()
        self._encoder, self._device, self._spec, self._cores = encoder, device, spec, cores
        self._shared_counts = shared_counts

    def load_model(self) -> FeatureExtractor:
        """Load the encoder, and check that it is the one of the spec.

        Raises:
            UsageError: no such encoder or device on this worker.
            SpecMismatch: the worker finds other weights or another tokenizer under that name.
        """
        encoder = resident_encoder(self._encoder, device=self._device, dtype=self._spec.encoder.compute_dtype)
        return FeatureExtractor(encoder, self._spec, cores=self._cores)

    def get_num_bytes(self, batch: Any) -> int:
        """0, since Beam would otherwise pickle a whole block to measure it, for a metric that nobody reads."""
        del batch
        return 0

    def get_metrics_namespace(self) -> str:
        """Namespace of RunInference's counters."""
        return "encore"


class EncoderHandler(ExtractorHandler):
    """UnitDocuments → UnitFeatures, or FailedUnit.

    The batch is one unit: batching by padded tokens happens inside, so RunInference's own is switched off
    (`with_no_batching`).
    """

    def run_inference(
        self,
        batch: UnitDocuments | FailedUnit,
        model: FeatureExtractor,
        inference_args: dict[str, Any] | None = None,
    ) -> Iterable[UnitFeatures | FailedUnit]:
        """Encode one unit. An error that concerns the whole unit becomes its failure."""
        del inference_args
        if isinstance(batch, FailedUnit):
            return [batch]
        unit = batch.unit
        if not unit.pending:
            return [UnitFeatures(unit)]
        try:
            return [encode_unit(batch, model, self._shared_counts.get())]
        except Interruption:
            return []
        except Exception as error:  # noqa: BLE001 (becomes the unit's failure, which the job reports and exits 1 for)
            return [FailedUnit(unit.number, unit.documents_in, Failure.of("encode", error))]


@panics_as_errors()
def encode_unit(asked: UnitDocuments, extractor: FeatureExtractor, counts: UnitCounts) -> UnitFeatures:
    """Features of a unit's documents, and the documents that the encoder rejected. ``counts`` follows the progress."""
    unit, documents = asked.unit, len(asked.documents)
    counts.begin(unit.number, unit.documents_in - documents)
    extraction = extractor.extract(asked.documents, counts.encoding(unit.number, documents))
    return UnitFeatures(
        unit=unit.spent(extraction.seconds),
        features=extraction.features,
        counts=EncodingCounts(extraction.tokens, extraction.padded_tokens, extraction.saturated),
        rejected=extraction.rejected,
    )
