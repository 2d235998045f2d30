"""Scoring blocks of features with heads, as a Beam transform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.utils.shared import Shared

from encore.featurestore import FeatureBlock
from encore.heads import Head, Scorer
from encore.pipelines.head_placement import scoring_on
from encore.pipelines.head_registry import row_schema, rows_of_scores
from encore.pipelines.runs import give_back_freed_memory
from encore.pipelines.transforms.feature_source import ReadFeatures
from encore.pipelines.transforms.head_references import HeadReference, refer_to_heads

Given = Head | str | PathLike[str]


@beam.typehints.with_input_types(FeatureBlock)
@beam.typehints.with_output_types(pa.Table)
class ScoreFeatures(beam.PTransform):
    """Score blocks of features with heads: a PCollection of `FeatureBlock` → one of Arrow tables.

    A table holds the predictions of one head for the documents of one block: ``doc_id``, ``head`` (``task@digest``),
    ``label``, and the label's probability as ``score``. If asked for, it has ``probabilities`` too, a map from class to
    probability. All heads of a transform score a block in one pass.

    A head given by its directory is loaded there by every worker, so workers must be able to read it. A `Head` object
    is sent with the pipeline.

    Attributes:
        schema: of every table.
        names: ``task@digest`` of the heads.
    """

    def __init__(
        self,
        heads: Given | Sequence[Given],
        *,
        probabilities: bool = False,
        device: str = "auto",
        dtype: str = "float32",
    ) -> None:
        """Load the heads to check them.

        Args:
            heads: one or several of the same features: `Head` objects, or directories of heads.
            probabilities: keep every class's probability beside the label and its score.
            device: where heads score: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; chosen on the worker.
            dtype: what a GPU multiplies in: ``float32``, or ``float16``, which moves probabilities by some 0.001.

        Raises:
            UsageError: no head, one named twice, or one that cannot be read.
            SpecMismatch: two heads take different features.
            StoreError: a head is damaged.
        """
        super().__init__()
        self._references, loaded = refer_to_heads(heads)
        self._spec = loaded[0].spec
        self._probabilities, self._device, self._dtype = probabilities, device, dtype
        self.schema: pa.Schema = row_schema(probabilities=probabilities)
        self.names: list[str] = [reference.name for reference in self._references]

    def expand(self, blocks: beam.PCollection[FeatureBlock]) -> beam.PCollection[pa.Table]:
        """One stage.

        Raises:
            SpecMismatch: the blocks come from a store of other features than the heads take. It names the fields that
                differ.
        """
        for source in sources_of(blocks):
            self._spec.require_same(source.spec, f"head {self._references[0]}", f"store {source.uri}")
        return blocks | "Score" >> beam.ParDo(
            ScoreBlocks(self._references, self._probabilities, self._device, self._dtype)
        )

    def display_data(self) -> dict[str, Any]:
        """Which heads, of which features, and where they score."""
        return {
            "heads": ", ".join(self.names),
            "features": str(self._spec),
            "device": self._device,
            "dtype": self._dtype,
        }


@beam.typehints.with_input_types(FeatureBlock)
@beam.typehints.with_output_types(pa.Table)
class ScoreBlocks(beam.DoFn):
    """FeatureBlock → one table of predictions a head."""

    def __init__(self, references: Sequence[HeadReference], probabilities: bool, device: str, dtype: str) -> None:
        self._references, self._probabilities = tuple(references), probabilities
        self._device, self._dtype = device, dtype
        self._handle = Shared()

    def setup(self) -> None:
        """Load the heads onto the device, once a process. Raises UsageError if the worker has no such device."""
        self._scorer: Scorer = self._handle.acquire(self._prepare)

    def process(self, block: FeatureBlock) -> Iterator[pa.Table]:
        """Score a block. Raises StoreError if its features are not those of the heads, or a document has no vector."""
        for scores in self._scorer.score(block):
            yield rows_of_scores(block.doc_ids, scores, probabilities=self._probabilities)
        give_back_freed_memory()

    def _prepare(self) -> Scorer:
        heads = [reference.load() for reference in self._references]
        return Scorer(heads, heads[0].spec, *scoring_on(self._device, self._dtype))


def sources_of(blocks: beam.PCollection[FeatureBlock]) -> list[ReadFeatures]:
    """The `ReadFeatures` transforms that a collection comes from, directly or through others."""
    found, seen, waiting = [], set(), [blocks]
    while waiting:
        step = waiting.pop().producer
        if step is None or step in seen:
            continue
        seen.add(step)
        waiting += step.inputs
        above = step
        while above is not None:
            if isinstance(above.transform, ReadFeatures) and above.transform not in found:
                found.append(above.transform)
            above = above.parent
    return found
