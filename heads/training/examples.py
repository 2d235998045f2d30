"""Documents with their classes: packed features, gathered once, decoded batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from encore.featurestore.documents import FeatureBlock
from encore.featurestore.spec import FeatureSpec
from encore.heads.batches import Batch, budget_batches, check_block, decode, rows_of_budget
from encore.heads.model import HeadModel, LayerMix

Codes = npt.NDArray[np.int64]
"""(documents,) positions of classes in a list of their names."""


@dataclass(frozen=True)
class Examples:
    """What a head learns from, or is measured on.

    Attributes:
        block: packed features.
        codes: (documents,) position of each one's class.
        spec: what the features are.
        classes: number of classes.

    Raises:
        StoreError: features that are not of the spec.
        ValueError: not one class for each document.
    """

    block: FeatureBlock
    codes: Codes
    spec: FeatureSpec
    classes: int

    def __post_init__(self) -> None:
        check_block(self.block, self.spec)
        if len(self.block) != len(self.codes) or not ((self.codes >= 0) & (self.codes < self.classes)).all():
            raise ValueError(
                f"{len(self.block)} documents need as many classes below {self.classes}, got {len(self.codes)}"
            )

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.codes)

    @cached_property
    def _first_lengths(self) -> Codes:
        return self.block.first_lengths

    @property
    def texts_known(self) -> bool:
        """Whether every token of every document is stored, so that it is known of each text's own."""
        return self.spec.positions == "tokens"

    @property
    def paired(self) -> npt.NDArray[np.bool_]:
        """(documents,) whether each is a pair of texts.

        Raises:
            StoreError: where a second text begins is not known.
        """
        return self._first_lengths < self.block.lengths

    def decoded_floats(self, documents: Codes) -> int:
        """How many floats `batch` makes of the documents at these positions, padding included."""
        lengths = self.block.offsets[documents + 1] - self.block.offsets[documents]
        return len(documents) * int(lengths.max()) * self.spec.width * (self.spec.layers.stacked or 1)

    def batch(self, documents: Codes, mix: LayerMix | None = None, *, of_pairs: bool) -> Batch:
        """The documents at these positions, decoded.

        Args:
            documents: their positions.
            mix: that of the heads that will read them, if they have one; a uniform one, the same for all, is made here.
            of_pairs: whether a head asks where second texts begin.

        Raises:
            StoreError: one does, and it is not known.
        """
        batch = decode(self.block, documents, self.spec, self._first_lengths if of_pairs else None)
        return mix(batch) if mix is not None and mix.kind == "uniform" else batch

    def logits(self, model: HeadModel, documents: Codes) -> torch.Tensor:
        """(documents, classes) of the documents at these positions.

        Raises:
            StoreError: a head of pairs, and where a second text begins is not known.
        """
        return model(self.batch(documents, of_pairs=model.of_pairs))  # type: ignore[no-any-return]

    def predict(self, model: HeadModel) -> Codes:
        """(documents,) the most likely class of each; leaves the model in evaluation mode."""
        predicted = np.empty(len(self), np.int64)
        model.eval()
        with torch.inference_mode():
            for documents in budget_batches(self.block.lengths, rows_of_budget(self.spec)):
                predicted[documents] = self.logits(model, documents).argmax(dim=1).numpy()
        return predicted
