"""The derive job: a poorer store from a richer one, without the encoder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
from apache_beam.utils.shared import Shared

from encore.featurestore import Catalogue, FeatureBlock, FeatureSpec, UsageError, parse_quantizer
from encore.featurestore.common import panics_as_errors, settle_fields
from encore.featurestore.derivation import Derivation, sample_activations
from encore.featurestore.quantizers import calibrate
from encore.featurestore.segments import EncodingCounts, SegmentEntry, check_codec
from encore.pipelines.dead_letters import DeadLetterLimit
from encore.pipelines.flow import FailedUnit, Failure, Interruption, PlannedUnit, UnitFeatures
from encore.pipelines.ingestion.job import commit_units, write_units
from encore.pipelines.ingestion.stages import Snapshot, settle
from encore.pipelines.ingestion.store_spec import settle_spec
from encore.pipelines.progress import ProgressDisplay, SilentDisplay, UnitCounts
from encore.pipelines.runs import GIVE_UP_AFTER, JobReport, JobRun, RunFolder, RunnerChoice


@dataclass(frozen=True)
class DeriveRequest:
    """The request of `derive`. None keeps what the source has.

    Attributes:
        source: URI of the richer store.
        store: URI of the store to make or to bring up to date.
        layers: layer pooling of the poorer features.
        positions: ``tokens``, ``cls`` or ``mean``.
        quantizer: quantizer of the poorer features.
        codec: lossless codec; None takes the quantizer's own.
        snapshot: number or tag of the snapshot of the source; None takes the newest.
        like: URI of a store whose calibration is taken over.
        give_up_after: minutes without a sign of life of workers elsewhere, after which the job ends with an error.
    """

    source: str
    store: str
    layers: str | None = None
    positions: str | None = None
    quantizer: str | None = None
    codec: str | None = None
    snapshot: int | str | None = None
    like: str | None = None
    give_up_after: float = GIVE_UP_AFTER

    def __post_init__(self) -> None:
        settle_fields(self)


@dataclass(frozen=True)
class SourceUnit:
    """One segment of the source store, numbered in the snapshot's order."""

    number: int
    entry: SegmentEntry


def derive(
    request: DeriveRequest, *, beam_options: Sequence[str] = (), display: ProgressDisplay | None = None
) -> JobReport:
    """Make or extend a derived store; a rerun derives only what is new.

    Raises:
        UsageError: the source does not hold what is asked for.
        SpecMismatch: the store is there and holds other features.
    """
    started = time.monotonic()
    source = Catalogue.open(request.source, request.snapshot)
    asked = None if request.quantizer is None else parse_quantizer(request.quantizer)
    derivation = Derivation.build(source.spec, request.layers, request.positions, asked)
    codec = request.codec or derivation.target.quantizer.default_codec
    check_codec(codec)
    if not len(source):
        raise UsageError(
            f"{source.uri}: snapshot {source.version} holds no documents to derive from; encode some first"
        )

    def measured(spec: FeatureSpec) -> FeatureSpec:
        return spec.with_quantizer(calibrate(spec.quantizer, lambda: sample_activations(source, derivation)))

    spec = settle_spec(request.store, derivation.target, request.like, measured)
    store = Catalogue.create(request.store, spec)
    if store.uri == source.uri:
        raise UsageError(f"{store.uri}: a store cannot be derived from itself; name another store")
    units = [SourceUnit(number, entry) for number, entry in enumerate(source.entries) if entry.live]
    run = JobRun(
        name="derive",
        store=store,
        folder=RunFolder.start(store.objects),
        units=units,
        documents=len(source),
        runner=RunnerChoice.of(beam_options, len(units), request.give_up_after),
        display=display or SilentDisplay(),
        started=started,
    )
    make = DeriveUnit(run, source)
    totals = write_units(
        run,
        units,
        lambda elements: elements | "DeriveUnit" >> beam.ParDo(make),
        make.open,
        expected=max(0, len(source) - len(store)),
        codec=codec,
    )
    details = {"source": {"store": source.uri, "snapshot": source.version, "fingerprint": source.spec.fingerprint}}
    return commit_units(run, totals, DeadLetterLimit.parse(None), details=details)


class DeriveUnit(beam.DoFn):
    """SourceUnit → UnitFeatures: reads one source segment and reduces the documents that the store lacks."""

    def __init__(self, run: JobRun, source: Catalogue) -> None:
        self._derivation = Derivation(source.spec, run.store.spec)
        self._source_at, self._store_at = (source.uri, source.version), (run.store.uri, run.store.version)
        self._shared_counts = run.shared_counts
        self._handle = Shared()

    def open(self) -> Snapshot:
        """The snapshot of the store with its key index. A process has one, as long as something refers to it."""
        return Snapshot.shared(self._handle, *self._store_at)

    def setup(self) -> None:
        """Open both stores once a worker."""
        self._source = Catalogue.open(*self._source_at)
        self._snapshot = self.open()

    def process(self, unit: SourceUnit) -> Iterator[UnitFeatures | FailedUnit]:
        """Reduce one unit. An error becomes its failure, and other units go on."""
        try:
            yield derive_unit(unit, self._source, self._snapshot, self._derivation, self._shared_counts.get())
        except Interruption:
            return
        except Exception as error:  # noqa: BLE001 (becomes the unit's failure, which the job reports and exits 1 for)
            yield FailedUnit(unit.number, unit.entry.live, Failure.of("derive", error))


@panics_as_errors()
def derive_unit(
    unit: SourceUnit, source: Catalogue, snapshot: Snapshot, derivation: Derivation, counts: UnitCounts
) -> UnitFeatures:
    """Features of the documents of a source segment that the snapshot lacks. ``counts`` follows the progress."""
    counts.check()
    started = time.perf_counter()
    index = source.live_index(unit.entry)
    segment = source.reader(unit.entry).segment
    planned = PlannedUnit(unit.number, unit.entry.live, segment, index, np.arange(index.num_rows))
    settled, left = settle(planned, snapshot)
    if not settled.pending:
        return UnitFeatures(settled)
    parts, saturated, start = [], 0, 0
    counts.begin(unit.number)
    for block in source.features.scan_segment(unit.entry, columns=None):
        kept = block.take(np.flatnonzero(left[start : start + len(block)]))
        start += len(block)
        if len(kept):
            features, outside = derivation.apply(kept)
            parts.append(features)
            saturated += outside
        counts.add(unit.number, len(block), len(kept), int(kept.index["n_tokens"].to_numpy().sum()))
    features = FeatureBlock.concatenate(parts)
    tokens = int(features.index["n_tokens"].to_numpy().sum())
    settled = settled.spent({"derive": time.perf_counter() - started})
    return UnitFeatures(settled, features, EncodingCounts(tokens, tokens, saturated))
