"""Scores blocks of features with many heads in one pass, on a CPU or another device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from encore.featurestore.common import Int64s
from encore.featurestore.documents import FeatureBlock
from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.spec import FeatureSpec
from encore.heads.artefact import Head
from encore.heads.batches import check_block
from encore.heads.scoring.device import DeviceScoring
from encore.heads.scoring.processor import ProcessorScoring


@dataclass(frozen=True)
class Scores:
    """The class probabilities that one head gives the documents of a block.

    Attributes:
        head: the head.
        probabilities: (documents, classes) float32, classes in the order of ``head.classes``.
    """

    head: Head
    probabilities: npt.NDArray[np.float32]


class Scorer:
    """Heads, prepared to score blocks of features. Scoring a block again gives the same numbers.

    Attributes:
        heads: the heads, in the order of the scores.
        spec: the features that they take.

    Raises:
        UsageError: there is no head, or the device cannot score in this type.
        SpecMismatch: a head was trained on other features.
    """

    def __init__(
        self,
        heads: Sequence[Head],
        spec: FeatureSpec,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Prepare heads on a device.

        Args:
            heads: at least one.
            spec: spec of the blocks to come.
            device: where the heads score; features are copied there block by block.
            dtype: type of the factors of products: float32, or float16 on other devices than the CPU (`check_dtype`).
        """
        if not heads:
            raise UsageError("no head to score with; name at least one")
        for head in heads:
            head.require(spec, f"head {head.task}", "the features")
        self.heads = tuple(heads)
        self.spec = spec
        self._of_pairs = any(head.model.of_pairs for head in heads)
        models, place = [head.model for head in heads], torch.device(device)
        check_dtype(dtype, place)
        self._scoring: _Scoring = (
            ProcessorScoring(models, spec) if place.type == "cpu" else DeviceScoring(models, spec, place, dtype)
        )

    def score(self, block: FeatureBlock) -> list[Scores]:
        """Compute the class probabilities of every document by every head.

        Args:
            block: documents of any lengths, in any order.

        Raises:
            StoreError: the features do not match the spec; a probability is NaN; or a head is one of pairs, and the
                version of Encore that encoded the documents did not store where their second text begins.
        """
        check_block(block, self.spec)
        first_lengths = block.first_lengths if self._of_pairs else None
        results = self._scoring.probabilities(block, first_lengths)
        for head, result in zip(self.heads, results, strict=True):
            _require_numbers(head, result)
        return [Scores(head, result) for head, result in zip(self.heads, results, strict=True)]


def _require_numbers(head: Head, probabilities: npt.NDArray[np.float32]) -> None:
    """Raise StoreError where a probability is NaN: argmax would silently give the first class."""
    lost = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if lost:
        raise StoreError(
            f"head {head.task}: gives {lost} of {len(probabilities)} documents no probability (NaN): its weights are"
            " too large to compute with, or the features are damaged; leave the head out, or verify the store"
        )


def check_dtype(dtype: torch.dtype, device: torch.device) -> None:
    """Raise UsageError unless heads can score in this type on this device.

    float16 has as many mantissa bits as TF32, and its products take half the time. bfloat16 is not offered: it has
    three bits fewer, and nothing here needs its range.
    """
    if dtype not in (torch.float32, torch.float16):
        raise UsageError(f"dtype {str(dtype).removeprefix('torch.')}: heads score in float32 or float16")
    if dtype == torch.float16 and device.type == "cpu":
        raise UsageError("dtype float16 on the CPU: heads score in float32 there; leave it out, or ask for device cuda")


class _Scoring(Protocol):
    """Heads of one spec, prepared on the device where they score."""

    def probabilities(self, block: FeatureBlock, first_lengths: Int64s | None) -> list[npt.NDArray[np.float32]]:
        """Probabilities (documents, classes) of each head, in the order of the heads."""
