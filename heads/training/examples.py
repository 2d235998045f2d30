"""Documents with their classes. Their packed features are read once and decoded batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from encore.featurestore.common import Int64s
from encore.featurestore.documents import FeatureBlock
from encore.featurestore.spec import FeatureSpec
from encore.heads.batches import (
    Batch,
    DecodingTable,
    Placement,
    budget_batches,
    check_block,
    decode,
    decode_on,
    rows_of_budget,
)
from encore.heads.model import HeadModel, LayerMix


@dataclass(frozen=True)
class Examples:
    """Documents that a head learns from, or is measured on.

    Attributes:
        block: packed features.
        codes: (documents,) class of each document.
        spec: spec of the features.
        classes: number of classes.
        placement: where batches are decoded to.

    Raises:
        StoreError: the features do not match the spec.
        ValueError: ``codes`` has not one class for each document.
    """

    block: FeatureBlock
    codes: Int64s
    spec: FeatureSpec
    classes: int
    placement: Placement = field(default_factory=Placement)

    def __post_init__(self) -> None:
        check_block(self.block, self.spec)
        if len(self.block) != len(self.codes) or not ((self.codes >= 0) & (self.codes < self.classes)).all():
            raise ValueError(
                f"{len(self.block)} documents need one class each, from 0 to {self.classes - 1}; got {len(self.codes)}"
            )

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.codes)

    @cached_property
    def _first_lengths(self) -> Int64s:
        return self.block.first_lengths

    @cached_property
    def _table(self) -> DecodingTable:
        return DecodingTable(self.spec.quantizer, self.spec.width, self.placement.device, torch.float32)

    @property
    def texts_known(self) -> bool:
        """Whether every token is stored, so that each text of a pair has its own."""
        return self.spec.positions == "tokens"

    @property
    def paired(self) -> npt.NDArray[np.bool_]:
        """(documents,) bool: whether a document is a pair of texts.

        Raises:
            StoreError: the store does not say where second texts begin.
        """
        return self._first_lengths < self.block.lengths

    def decoded_floats(self, documents: Int64s) -> int:
        """Number of floats in the `batch` of the documents at these positions, padding included."""
        lengths = self.block.offsets[documents + 1] - self.block.offsets[documents]
        return len(documents) * int(lengths.max()) * self.spec.width * (self.spec.layers.stacked or 1)

    def batch(self, documents: Int64s, mix: LayerMix | None = None, *, of_pairs: bool) -> Batch:
        """Decode the documents at these positions.

        Args:
            documents: positions of the documents.
            mix: layer mix of the heads that will read the batch; None if they have none. A uniform mix is the same for
                all heads, and is applied here.
            of_pairs: whether a head needs to know where second texts begin.

        Raises:
            StoreError: a head needs to know it, and the store does not say it.
        """
        first_lengths = self._first_lengths if of_pairs else None
        if self.placement.accelerated:
            batch = decode_on(self._table, self.block, documents, first_lengths)
        else:
            batch = decode(self.block, documents, self.spec, first_lengths)
        return mix(batch) if mix is not None and mix.kind == "uniform" else batch

    def logits(self, model: HeadModel, documents: Int64s) -> torch.Tensor:
        """Logits (documents, classes) of the documents at these positions.

        Raises:
            StoreError: the head is one of pairs, and the store does not say where second texts begin.
        """
        return model(self.batch(documents, of_pairs=model.of_pairs))  # type: ignore[no-any-return]

    def predict(self, model: HeadModel) -> Int64s:
        """(documents,) the most likely class of each document. The model stays in evaluation mode afterwards."""
        predicted = np.empty(len(self), np.int64)
        model.eval()
        with torch.inference_mode():
            for documents in budget_batches(self.block.lengths, rows_of_budget(self.spec)):
                predicted[documents] = self.logits(model, documents).argmax(dim=1).cpu().numpy()
        return predicted
