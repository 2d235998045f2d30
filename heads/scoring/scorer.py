"""Many heads over one block of features in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from encore.featurestore.documents import FeatureBlock
from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.spec import FeatureSpec
from encore.heads.artefact import Head
from encore.heads.batches import check_block
from encore.heads.scoring.device import DeviceScoring
from encore.heads.scoring.processor import ProcessorScoring

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """What one head says of a block.

    Attributes:
        head: the head.
        probabilities: (documents, classes) float32, classes in the order of ``head.classes``.
    """

    head: Head
    probabilities: npt.NDArray[np.float32]


class Scorer:
    """Heads, prepared to score blocks of features; scoring the same block again gives the same numbers.

    Attributes:
        heads: what it scores with, in the order of the scores.
        spec: the features that it takes.

    Raises:
        UsageError: no heads, or a type that the device does not score in.
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
            spec: of the blocks to come.
            device: where they score; features are brought there block by block.
            dtype: what is multiplied: float32, or, except on the CPU, float16 (`check_dtype`).
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
        """Class probabilities of every document by every head.

        Args:
            block: documents of any lengths, in any order.

        Raises:
            StoreError: features that are not of the spec; a head of pairs, and documents encoded by a version that did
                not keep where their second text begins; probabilities that are no numbers.
        """
        check_block(block, self.spec)
        first_lengths = block.first_lengths if self._of_pairs else None
        results = self._scoring.probabilities(block, first_lengths)
        for head, result in zip(self.heads, results, strict=True):
            _require_numbers(head, result)
        return [Scores(head, result) for head, result in zip(self.heads, results, strict=True)]


def _require_numbers(head: Head, probabilities: npt.NDArray[np.float32]) -> None:
    """Raise StoreError where documents have no probability: the class that comes first would be taken for theirs."""
    lost = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if lost:
        raise StoreError(
            f"head {head.task}: gives {lost} of {len(probabilities)} documents no probability (NaN): its weights are"
            " too large to compute with, or the features are damaged; leave the head out, or verify the store"
        )


def check_dtype(dtype: torch.dtype, device: torch.device) -> None:
    """Raise UsageError unless heads score in this type on this device.

    A half has as many digits as TF32, and its products take half the time of those. bfloat16 has three bits fewer and a
    range that nothing here needs.
    """
    if dtype not in (torch.float32, torch.float16):
        raise UsageError(f"dtype {str(dtype).removeprefix('torch.')}: heads score in float32 or float16")
    if dtype == torch.float16 and device.type == "cpu":
        raise UsageError(
            "dtype float16 on the CPU: heads score in float32 there; leave it out, or ask for --device cuda"
        )


class _Scoring(Protocol):
    """Heads of one spec, prepared where they score."""

    def probabilities(self, block: FeatureBlock, first_lengths: Positions | None) -> list[npt.NDArray[np.float32]]:
        """(documents, classes) of each head, in the order of the heads."""
