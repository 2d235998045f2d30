"""Scoring one block of features with many heads on a device such as a GPU.

Packed features are copied part by part and decoded on the device: a token of 1,024 signs is copied as 128 bytes and
decoded to 4 KiB. The host copies the next part while the device computes. It waits only once, to copy all probabilities
back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from encore.featurestore.common import Int64s
from encore.featurestore.documents import FeatureBlock, parts_of
from encore.featurestore.spec import FeatureSpec
from encore.heads.batches import Batch, DecodingTable, budget_batches
from encore.heads.model import HeadModel
from encore.heads.scoring.device_heads import heads_on
from encore.heads.scoring.streams import DeviceStreams

DEVICE_BATCH_FLOATS = 1 << 24
"""Decoded floats of a batch, padding included, unless one document has more: 16,384 tokens of width 1,024. Twice as
many floats need a third more padding."""

SUM_FLOATS = 1 << 29
"""Most floats of weighted sums that are held at a time: 2 GiB in float32, 1 GiB in float16."""

PART_BYTES = 32 << 20
"""Bytes of packed features that are copied at a time. The documents of such a part are sorted by length together."""

TOKEN_STEP = 8
"""Documents are padded to a multiple of this many tokens: 8 float16 are 16 bytes, and tensor cores are fastest on rows
of whole 16 bytes."""


class DeviceScoring:
    """Heads prepared on a device. Threads may share it.

    Any torch device works. With ``dtype`` float16, features, queries and weights are float16. Products accumulate in
    float32. Scores, softmax, and everything after the hidden layer are float32.
    """

    def __init__(
        self,
        models: Sequence[HeadModel],
        spec: FeatureSpec,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Copy heads to the device. The given models stay where they are."""
        self._streams = DeviceStreams(device)
        self._row_floats = spec.width * (spec.layers.stacked or 1)
        self._decode = DecodingTable(spec.quantizer, spec.width, device, dtype)
        with torch.inference_mode():
            self._heads = list(heads_on(dict(enumerate(models)), device, dtype))
        self._count = len(models)
        vectors = max(heads.vectors for heads in self._heads)
        self._most_documents = max(1, SUM_FLOATS // (vectors * spec.width))
        self._streams.settle()

    def probabilities(self, block: FeatureBlock, first_lengths: Int64s | None) -> list[npt.NDArray[np.float32]]:
        """(documents, classes) float32 of each head, in the order of the heads.

        Args:
            block: documents of the spec, each with at least one vector.
            first_lengths: (documents,) tokens before the second text's own; None where no head needs them.
        """
        documents = len(block)
        answers = [answer for heads in self._heads for answer in heads.answers]
        sizes = [len(answer.places) * documents * answer.classes for answer in answers]
        with torch.inference_mode(), self._streams.turn():
            everything = torch.empty(sum(sizes), device=self._streams.device)
            results = [
                flat.view(len(answer.places), documents, answer.classes)
                for answer, flat in zip(answers, torch.split(everything, sizes), strict=True)
            ]
            for positions, batch in self._batches(block, first_lengths):
                scored = (probabilities for heads in self._heads for probabilities in heads.score(batch))
                for result, probabilities in zip(results, scored, strict=True):
                    result.index_copy_(1, positions, probabilities)
            found = self._streams.download(everything)
        arrays: list[npt.NDArray[np.float32]] = [np.empty(0, np.float32)] * self._count
        starts = np.cumsum([0, *sizes])
        for answer, start, stop in zip(answers, starts, starts[1:], strict=False):
            parts = found[start:stop].reshape(len(answer.places), documents, answer.classes)
            for place, part in zip(answer.places, parts, strict=True):
                arrays[place] = part
        return arrays

    def _batches(self, block: FeatureBlock, first_lengths: Int64s | None) -> Iterator[tuple[torch.Tensor, Batch]]:
        """Batches that hold every document once: (documents,) places in the block, and decoded features."""
        offsets, padded = block.offsets, -(-block.lengths // TOKEN_STEP) * TOKEN_STEP
        budget = max(1, DEVICE_BATCH_FLOATS // self._row_floats)
        # A short document counts as longer than it is, so that no batch has too many documents.
        counted = np.maximum(padded, -(-budget // self._most_documents))
        for start, stop in parts_of(offsets, max(1, PART_BYTES // block.packed[:1].nbytes) if len(block) else 1):
            ascending = start + np.argsort(padded[start:stop], kind="stable")
            batches = [ascending[places] for places in budget_batches(counted[ascending], budget)]
            order = np.concatenate(batches)
            columns = [order, offsets[order] - offsets[start], block.lengths[order]]
            if first_lengths is not None:
                columns.append(first_lengths[order])
            # Copy the small table first, so that the device can start as soon as the features arrive.
            table = self._streams.upload(np.stack(columns))
            packed = self._streams.upload(block.packed[offsets[start] : offsets[stop]])
            done = 0
            for documents in batches:
                own = table[:, done : done + len(documents)]
                done += len(documents)
                tokens = int(padded[documents].max())
                rows = (own[1][:, None] + torch.arange(tokens, device=own.device)).clamp_(max=len(packed) - 1)
                values = self._decode(packed[rows.flatten()])
                yield own[0], Batch(values, tokens, own[2], None if first_lengths is None else own[3])
