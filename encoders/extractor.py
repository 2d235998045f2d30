"""Makes packed features of blocks of documents: tokenize, encode, pool layers and positions, quantize."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from encore.encoders.batches import BatchResult, DocumentFailure, TokenBlock, default_budget, run_batches
from encore.encoders.behaviour import with_safe_padding
from encore.encoders.device import turns_on
from encore.encoders.documents import DocumentBlock
from encore.encoders.extraction import Extraction
from encore.encoders.passes import HostCopy, SharedCores, encode_batch, finite_documents
from encore.encoders.text import BlockTokenizer
from encore.encoders.transformer import Encoder
from encore.featurestore.common import Int64s
from encore.featurestore.documents import INDEX_SCHEMA, FeatureBlock, offsets_of, rows_of
from encore.featurestore.errors import UsageError
from encore.featurestore.segments import RejectedDocument
from encore.featurestore.spec import FeatureSpec


@dataclass(frozen=True, eq=False)
class _PendingBatch:
    """A batch whose packed rows are being copied to the host, with rows of documents whose features are not finite.

    ``finite_rows`` is (rows,) bool. ``lengths`` (documents,) are the rows of each document. ``saturated`` is a number.
    """

    rows: HostCopy
    finite_rows: HostCopy
    saturated: HostCopy
    lengths: Int64s
    padded_tokens: int
    forward_seconds: float
    quantize_seconds: float


@dataclass(frozen=True, eq=False)
class _HostRows:
    """Packed rows of a batch's finite documents, on the host."""

    rows: npt.NDArray[np.generic]
    finite: npt.NDArray[np.bool_]
    saturated: int


BatchOutcome = BatchResult[_PendingBatch] | DocumentFailure
OnProgress = Callable[[int, int, int], None]
"""Called with the number of documents since the last call, their tokens, and the tokens of all documents."""


class FeatureExtractor:
    """Computes the features of a spec. Threads may share it, and the encoder.

    Args:
        encoder: the frozen encoder.
        spec: the features to compute. Its quantizer must be calibrated for `extract`, but not for `activations`.
        token_budget: padded tokens of a batch; None takes the default of the encoder's device.
        cores: cores of this process, to be divided among the threads that encode; None leaves torch's threads alone.

    Raises:
        UsageError: the encoder cannot give these features.
        SpecMismatch: the encoder is not the spec's.
    """

    def __init__(
        self, encoder: Encoder, spec: FeatureSpec, token_budget: int | None = None, cores: int | None = None
    ) -> None:
        # Use the encoder's own spec: it knows whether the first token sums up a text. An old spec may not.
        own = replace(spec, encoder=encoder.spec)
        spec.require_request(own, "the feature spec", f"encoder {encoder.spec.name}")
        encoder.check_max_length(spec.text.max_length)
        self.encoder = with_safe_padding(encoder, spec.text.max_length)
        self.spec = spec
        self.token_budget = default_budget(encoder.device) if token_budget is None else token_budget
        if self.token_budget < 1:
            raise UsageError(f"token budget {token_budget}: expected at least 1 token")
        self._cores = SharedCores(cores)
        self._turns = turns_on(encoder.device)
        self._tokenizer = BlockTokenizer.build(encoder.tokenizer, spec.text)

    @property
    def equal_lengths(self) -> bool:
        """Whether all documents of a batch have one length, because padding would change their features."""
        return self.encoder.padding.equal_lengths

    def check_pairs(self) -> None:
        """Raise UsageError unless pairs of texts can be encoded. A job calls this before it starts."""
        self._tokenizer.check_pairs()

    def activations(self, documents: DocumentBlock) -> Iterator[torch.Tensor]:
        """Float features before quantization, batch by batch, for calibration.

        Documents that `extract` would reject are left out. Batches depend only on the documents and the budget.

        Yields:
            float32 (rows, d), or (rows, m, d) for ``stack:m``, on the encoder's device.
        """
        tokens = self._tokenizer.tokenize(documents)
        usable = _others(len(tokens), self._refused(tokens))

        def run(batch: Int64s) -> torch.Tensor:
            self._cores.divide()
            return encode_batch(self.encoder, self.spec, tokens, usable[batch]).finite_values()

        with self._turns, self._cores.taken():
            for outcome in run_batches(tokens.lengths[usable], self.token_budget, run, self.encoder.padding):
                if not isinstance(outcome, DocumentFailure) and len(outcome.result):
                    yield outcome.result

    def extract(self, documents: DocumentBlock, on_progress: OnProgress | None = None) -> Extraction:
        """Compute the packed features of a block, in the order of the block.

        Args:
            documents: the block.
            on_progress: called after every batch, in the calling thread.

        Raises:
            UsageError: the quantizer is not calibrated, or the block has pairs that the tokenizer cannot join.
        """
        if not self.spec.quantizer.calibrated:
            raise UsageError(f"quantizer {self.spec.quantizer.request}: calibrate it before features are extracted")
        start = perf_counter()
        tokens = self._tokenizer.tokenize(documents)
        rejected = self._refused(tokens)
        usable = _others(len(tokens), rejected)
        seconds = {"tokenize": perf_counter() - start, "forward": 0.0, "quantize": 0.0}

        def launch(batch: Int64s) -> _PendingBatch:
            return self._launch(tokens, usable[batch])

        n_tokens, n_first = tokens.lengths, tokens.first_lengths
        if not self.spec.text.special_tokens:
            n_tokens, n_first = tokens.count(~tokens.special), tokens.count(~tokens.special & tokens.first)
        rows = n_tokens[usable] if self.spec.positions == "tokens" else np.ones_like(usable)
        offsets = offsets_of(rows)
        packed = np.empty((offsets[-1], *self.spec.packed_shape), self.spec.quantizer.dtype)
        stored = np.zeros(len(usable), bool)
        lengths = tokens.lengths[usable]
        encoded = padded = saturated = 0
        on_progress = on_progress or _no_progress
        total = int(lengths.sum())
        on_progress(len(rejected), 0, total)
        with self._turns, self._cores.taken():
            for outcome in _one_behind(run_batches(lengths, self.token_budget, launch, self.encoder.padding)):
                if isinstance(outcome, DocumentFailure):
                    rejected.append(RejectedDocument(int(usable[outcome.document]), "encode", outcome.reason))
                    on_progress(1, int(lengths[outcome.document]), total)
                    continue
                launched, started = outcome.result, perf_counter()
                result = self._collect(launched, tokens, usable[outcome.documents])
                seconds["forward"] += launched.forward_seconds + perf_counter() - started
                seconds["quantize"] += launched.quantize_seconds
                not_finite = usable[outcome.documents[~result.finite]]
                rejected += [
                    RejectedDocument(position, "encode", "non-finite features") for position in not_finite.tolist()
                ]
                written = outcome.documents[result.finite]
                packed[rows_of(offsets[written], rows[written])] = result.rows
                stored[written] = True
                in_batch = int(lengths[outcome.documents].sum())
                encoded += in_batch
                padded += launched.padded_tokens
                saturated += result.saturated
                on_progress(len(outcome.documents), in_batch, total)
        if not stored.all():
            packed, offsets = packed[np.repeat(stored, rows)], offsets_of(rows[stored])
        kept = usable[stored]
        return Extraction(
            features=FeatureBlock(_index(documents, tokens, n_tokens, n_first, kept), packed, offsets),
            rejected=tuple(sorted(rejected, key=lambda rejection: rejection.position)),
            tokens=encoded,
            padded_tokens=padded,
            truncated=int(tokens.truncated[kept].sum()),
            saturated=saturated,
            seconds=seconds,
        )

    def _refused(self, tokens: TokenBlock) -> list[RejectedDocument]:
        failed = np.zeros(len(tokens), bool)
        failed[list(tokens.failures)] = True
        empty = (tokens.count(~tokens.special) == 0) & ~failed
        # Check this on the host: an embedding look-up out of range ends all work on a CUDA device.
        unknown = (tokens.count(tokens.ids >= self.encoder.vocabulary) > 0) & ~failed & ~empty
        reasons = {"no tokens": empty, "a token that the encoder has no embedding for": unknown}
        rejected = [
            RejectedDocument(position, "tokenize", reason)
            for reason, flags in reasons.items()
            for position in np.flatnonzero(flags).tolist()
        ]
        return rejected + [RejectedDocument(at, "tokenize", reason) for at, reason in tokens.failures.items()]

    @torch.inference_mode()
    def _launch(self, tokens: TokenBlock, documents: Int64s) -> _PendingBatch:
        """Start to encode and pack a batch, without waiting for a CUDA device to finish."""
        self._cores.divide()
        start = perf_counter()
        batch = encode_batch(self.encoder, self.spec, tokens, documents)
        between = perf_counter()
        quantizer = self.spec.quantizer
        return _PendingBatch(
            rows=HostCopy.start(quantizer.quantize(batch.values)),
            finite_rows=HostCopy.start(batch.finite_rows),
            saturated=HostCopy.start(quantizer.saturated(batch.values)),
            lengths=batch.lengths,
            padded_tokens=batch.padded_tokens,
            forward_seconds=between - start,
            quantize_seconds=perf_counter() - between,
        )

    def _collect(self, launched: _PendingBatch, tokens: TokenBlock, documents: Int64s) -> _HostRows:
        """Wait for a batch, and leave out the documents whose features are not finite."""
        rows, finite = launched.rows.wait(), finite_documents(launched.finite_rows.wait(), launched.lengths)
        saturated = int(launched.saturated.wait())
        if not finite.all():
            rows = rows[np.repeat(finite, launched.lengths)]
            # An infinite number saturates too, so the count is too high. Encode again to count only finite documents:
            # the floats were not kept.
            with torch.inference_mode():
                again = encode_batch(self.encoder, self.spec, tokens, documents).finite_values()
                saturated = int(self.spec.quantizer.saturated(again))
        return _HostRows(rows, finite, saturated)


def _no_progress(documents: int, tokens: int, of_all: int) -> None:
    """Do nothing."""


def _one_behind(outcomes: Iterable[BatchOutcome]) -> Iterator[BatchOutcome]:
    """Yield each outcome when the next one is there: the device works on a batch while the host collects another."""
    waiting: list[BatchOutcome] = []
    for outcome in outcomes:
        yield from waiting
        waiting = [outcome]
    yield from waiting


def _others(documents: int, rejected: list[RejectedDocument]) -> Int64s:
    """(usable documents,) int64: positions of the documents that are not rejected."""
    usable = np.ones(documents, bool)
    usable[[rejection.position for rejection in rejected]] = False
    return np.flatnonzero(usable)


def _index(documents: DocumentBlock, tokens: TokenBlock, n_tokens: Int64s, n_first: Int64s, kept: Int64s) -> pa.Table:
    """The document index of the ``kept`` documents: `INDEX_SCHEMA`, then the kept corpus columns."""
    source = documents.index_columns.take(pa.array(kept))
    own = {
        "n_tokens": pa.array(n_tokens[kept].astype(np.int32)),
        "truncated": pa.array(tokens.truncated[kept]),
        "n_first_tokens": pa.array(n_first[kept].astype(np.int32)),
    }
    extra = [field for field in source.schema if field.name not in INDEX_SCHEMA.names]
    schema = pa.schema([*INDEX_SCHEMA, *extra])
    columns = [own[field.name] if field.name in own else source[field.name].cast(field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)
