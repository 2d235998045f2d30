"""Poorer features from richer ones: fewer layers, fewer positions, fewer bits, without the encoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.common import torch
from encore.featurestore.documents import FeatureBlock, offsets_of
from encore.featurestore.errors import UsageError
from encore.featurestore.layers import LayerPooling
from encore.featurestore.quantizers import Quantizer
from encore.featurestore.spec import FeatureSpec

SAMPLE_DOCUMENTS = 1024
"""Documents of the sample: some 50,000 token vectors of typical text."""
PART_DOCUMENTS = 128
"""Documents that are measured at a time."""


@dataclass(frozen=True)
class Derivation:
    """How blocks of one spec become blocks of another.

    Attributes:
        source: spec of the richer features.
        target: spec of the features to make; its quantizer may still have to be calibrated.

    Raises:
        UsageError: the source does not hold what the target asks for.
    """

    source: FeatureSpec
    target: FeatureSpec

    def __post_init__(self) -> None:
        if self.source.encoder != self.target.encoder or self.source.text != self.target.text:
            raise UsageError("derive: the encoder or the text settings differ from those of the source; take the same")
        _check_layers(self.source.layers, self.target.layers, self.source.encoder.num_layers)
        positions = (self.source.positions, self.target.positions)
        if positions[0] != positions[1] and positions[0] != "tokens":
            raise UsageError(
                f"derive: positions {positions[1]} cannot be derived from stored {positions[0]}; "
                "the source needs tokens"
            )
        if not self._selects and self.source.quantizer.kind != "float16":
            same = self.source.quantizer.request == self.target.quantizer.request
            other = ", under another calibration," if same and self.source.quantizer != self.target.quantizer else ""
            raise UsageError(
                f"derive: {self.target.quantizer.request} features{other} cannot be computed from "
                f"{self.source.quantizer.request} features, which are not exact enough; derive from a float16 store"
            )

    @classmethod
    def build(
        cls, source: FeatureSpec, layers: str | None, positions: str | None, quantizer: Quantizer | None
    ) -> Derivation:
        """The derivation that is asked for.

        None keeps the source's value. Asking for the source's own quantizer keeps its calibration.
        """
        if quantizer is None or (quantizer.request == source.quantizer.request and not quantizer.calibrated):
            quantizer = source.quantizer
        target = replace(
            source,
            layers=source.layers if layers is None else LayerPooling.parse(layers),
            positions=source.positions if positions is None else positions,
            quantizer=quantizer,
            derived_from=source.fingerprint,
        )
        return cls(source, target)

    @property
    def _selects(self) -> bool:
        """Whether stored numbers are only selected, so that the result is exact with any quantizer."""
        return (
            self.source.quantizer == self.target.quantizer
            and (self.target.layers == self.source.layers or self.target.layers.kind != "mean")
            and self.target.positions in (self.source.positions, "cls")
        )

    def activations(self, block: FeatureBlock) -> torch.Tensor:
        """Float features (rows, width) or (rows, m, width) of the target, before its quantizer."""
        packed, lengths = self._picked(block)
        values = self.source.quantizer.dequantize(torch.from_numpy(packed), self.source.width)
        if self.target.layers.kind == "mean" and self.source.layers.kind == "stack":
            values = values.mean(dim=1)
        if self.target.positions == "mean" and self.source.positions == "tokens":
            values = torch.segment_reduce(values, "mean", lengths=torch.from_numpy(lengths), axis=0)
        return values

    def apply(self, block: FeatureBlock) -> tuple[FeatureBlock, int]:
        """The block under the target's spec, and how many floats its quantizer saturated."""
        if self._selects:
            packed, lengths = self._picked(block)
            return FeatureBlock(block.index, packed, offsets_of(lengths)), 0
        values = self.activations(block)
        lengths = block.lengths if self.target.positions == self.source.positions else np.ones(len(block), np.int64)
        quantizer = self.target.quantizer
        features = FeatureBlock(block.index, quantizer.quantize(values).numpy(), offsets_of(lengths))
        return features, int(quantizer.saturated(values))

    def _picked(self, block: FeatureBlock) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """The stored numbers of the wanted layers and positions, and (documents,) the rows of each document."""
        packed, lengths = block.packed, block.lengths
        if self.target.positions == "cls" and self.source.positions == "tokens":
            packed, lengths = packed[block.offsets[:-1]], np.ones(len(block), np.int64)
        if self.source.layers != self.target.layers:
            held = self.source.layers.layer_numbers(self.source.encoder.num_layers)
            wanted = self.target.layers.layer_numbers(self.source.encoder.num_layers)
            packed = packed[:, wanted.start - held.start : wanted.stop - held.start]
            packed = packed if self.target.layers.kind in ("stack", "mean") else packed[:, 0]
        return np.ascontiguousarray(packed), lengths


def _check_layers(source: LayerPooling, target: LayerPooling, num_layers: int) -> None:
    target.check(num_layers)
    if source == target:
        return
    held, wanted = source.layer_numbers(num_layers), target.layer_numbers(num_layers)
    if source.kind != "stack" or wanted.start < held.start:
        raise UsageError(
            f"derive: layers {target} cannot be derived from stored {source}; "
            f"the source needs stack:{num_layers - wanted.start + 1} or more"
        )


def sample_activations(source: Catalogue, derivation: Derivation) -> Iterator[torch.Tensor]:
    """Float features (rows, [m,] width) of a store's sample, as a derivation's quantizer is to see them, in parts.

    Args:
        source: the richer store. Its key index is sorted by hash, so that its first documents are a random sample.
        derivation: which layers and positions.
    """
    documents = min(SAMPLE_DOCUMENTS, len(source.keys))
    for start in range(0, documents, PART_DOCUMENTS):
        stop = min(start + PART_DOCUMENTS, documents)
        yield derivation.activations(source.gather_positions(np.arange(start, stop)))
