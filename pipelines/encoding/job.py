"""The encode job: a corpus into a store, once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference

from encore.encoders import DocumentBlock, Encoder, FeatureExtractor, load_encoder
from encore.featurestore import Catalogue, FeatureSpec, StoreError, UsageError
from encore.featurestore.common import counted, settle_fields
from encore.featurestore.derivation import PART_DOCUMENTS, SAMPLE_DOCUMENTS
from encore.featurestore.segments import check_codec
from encore.featurestore.storage import Objects, check_folder
from encore.pipelines.corpus import (
    UNITS_AIMED_AT,
    CorpusColumns,
    DocumentSize,
    Plan,
    PruneLimit,
    Pruning,
    group_by_split,
    plan,
    read_sample,
    sample_units,
    smallest_keys,
)
from encore.pipelines.dead_letters import DeadLetterLimit
from encore.pipelines.encoding.calibration import calibrate_with_encoder
from encore.pipelines.encoding.handler import EncoderHandler
from encore.pipelines.encoding.read_stage import ReadUnits
from encore.pipelines.encoding.resident_encoders import resident_encoder
from encore.pipelines.ingestion import commit_units, settle_spec, spec_without_calibration, write_units
from encore.pipelines.progress import ProgressDisplay, SilentDisplay
from encore.pipelines.runs import GIVE_UP_AFTER, JobReport, JobRun, RunFolder, RunnerChoice
from encore.tablefiles import PLAIN_TEXT, TextOptions, list_files
from encore.tablefiles.listing import refuse_outputs_among_inputs


@dataclass(frozen=True)
class EncodeRequest:
    """The request of `encode`.

    Attributes:
        inputs: corpus files, directories and globs, local or in object storage.
        store: URI of the store to make or to extend.
        encoder: ``minilm``, ``hf:ID``, a hub ID or a local directory.
        layers: layer pooling; None is the mean of the last 16 layers, or of all where there are fewer.
        positions: ``tokens``, ``cls`` or ``mean``.
        quantizer: ``float16``, ``uint8[:…]`` or ``sign``.
        max_length: tokens of a document; None takes the encoder's own limit.
        truncation_side: ``right`` or ``left``; None takes the encoder's own.
        special_tokens: whether the vectors of special tokens are stored.
        device: ``auto``, ``cpu`` or ``cuda``.
        dtype: what the forward pass runs in.
        columns: names of the corpus columns.
        text: encoding and CSV dialect of the files.
        codec: lossless codec; None takes the quantizer's own.
        unit_rows: rows of a work unit; None chooses by the size of the corpus.
        limit: the most dead letters with which the job still commits.
        dead_letters: local directory that gets a copy of the dead letters.
        like: URI of a store whose calibration is taken over.
        prune: whether documents that have left the corpus leave the store.
        prune_limit: the most documents that may be pruned.
        give_up_after: minutes without a sign of life of workers elsewhere, after which the job ends with an error.
        report: file for the report, which the caller writes. It must not be one of the inputs.
        metrics: file for its numbers, likewise.
    """

    inputs: tuple[str, ...]
    store: str
    encoder: str = "minilm"
    layers: str | None = None
    positions: str = "tokens"
    quantizer: str = "sign"
    max_length: int | None = None
    truncation_side: str | None = None
    special_tokens: bool = True
    device: str = "auto"
    dtype: str = "float32"
    columns: CorpusColumns = field(default_factory=CorpusColumns)
    text: TextOptions = PLAIN_TEXT
    codec: str | None = None
    unit_rows: int | None = None
    limit: DeadLetterLimit = field(default_factory=lambda: DeadLetterLimit.parse(None))
    dead_letters: str | None = None
    like: str | None = None
    prune: bool = False
    prune_limit: PruneLimit = field(default_factory=lambda: PruneLimit.parse(None))
    give_up_after: float = GIVE_UP_AFTER
    report: str | None = None
    metrics: str | None = None

    def __post_init__(self) -> None:
        settle_fields(self)


def encode(
    request: EncodeRequest, *, beam_options: Sequence[str] = (), display: ProgressDisplay | None = None
) -> JobReport:
    """Encode what the store does not hold yet, and commit it as one snapshot.

    Raises:
        UsageError: the request cannot be carried out; no store has been made.
        SpecMismatch: the store is there and holds other features.
        JobError: the pipeline failed as a whole; finished segments are kept for the next run.
    """
    started = time.monotonic()
    shown = display or SilentDisplay()
    refuse_outputs_among_inputs(
        request.inputs,
        {"--dead-letters": request.dead_letters, "--report": request.report, "--metrics": request.metrics},
        request.store,
    )
    listing = list_files(request.inputs, request.text)
    files = listing.files
    local = RunnerChoice.of(beam_options, 1, request.give_up_after).workers is not None
    encoder = identify_encoder(request, local=local)
    requested = requested_spec(request, encoder)
    codec = request.codec or requested.quantizer.default_codec
    check_codec(codec)
    spec_without_calibration(request.store, requested, request.like)
    size = DocumentSize.of(requested)
    with shown.preparing("encode", f"planning, {counted(len(files), 'file')}"):
        corpus = plan(files, request.columns, request.unit_rows, size, without_damaged=True)
    listing = replace(listing, unread=(*listing.unread, *corpus.damaged))
    if request.prune and not corpus.documents:
        raise UsageError("prune: the corpus holds no documents at all, so everything would go; leave prune out")
    runner = RunnerChoice.of(beam_options, len(corpus.units), request.give_up_after)
    copies = None if request.dead_letters is None else _folder(request.dead_letters)
    folder = RunFolder.start(Objects.open(request.store, make=True))

    def measured(spec: FeatureSpec) -> FeatureSpec:
        parts = _sample_parts(corpus, request.columns)
        return spec.with_quantizer(
            calibrate_with_encoder(spec, parts, request.encoder, request.device, run=folder, runner=runner)
        )

    store = Catalogue.create(request.store, settle_spec(request.store, requested, request.like, measured))
    planned = time.monotonic()
    elements = group_by_split(corpus.units, readers_wanted(corpus, store, runner))
    expected = corpus.documents - min(len(store), len(corpus.keys))
    run = JobRun("encode", store, folder, corpus.units, corpus.documents, runner, shown, started)
    read = ReadUnits(store.uri, store.version, request.columns, run.shared_counts)
    handler = EncoderHandler(request.encoder, request.device, store.spec, runner.cores, run.shared_counts)

    def to_features(groups: beam.PCollection) -> beam.PCollection:
        return groups | "ReadUnits" >> beam.ParDo(read) | "Encode" >> RunInference(handler.with_no_batching())

    totals = write_units(run, elements, to_features, read.open, expected=expected, codec=codec)
    if copies is not None:
        for name, data in folder.dead_letter_files():
            copies.put(f"{folder.run_id}-{name}", data)
        copies.barrier()
    details = {
        "corpus": {
            "files": len(files) - len(corpus.damaged),
            "damaged": len(corpus.damaged),
            "documents": corpus.documents,
            "unit_rows": corpus.unit_rows,
            **request.text.to_dict(),
            "unread": [{"file": it.uri, "reason": it.reason} for it in listing.unread],
        },
        "codec": codec,
        "equal_lengths": FeatureExtractor(encoder, requested).equal_lengths,
        "prepare_seconds": round(planned - started, 3),
    }
    pruning = Pruning.find(store, corpus, listing, request.prune_limit) if request.prune else None
    return commit_units(run, totals, request.limit, pruning, details, complete=not corpus.damaged)


def readers_wanted(corpus: Plan, store: Catalogue, runner: RunnerChoice) -> int:
    """The fewest groups that the units are divided into.

    This is the number of workers, or of units that hold the new documents, whichever is less. With few new documents,
    as on most nights, each split is read once. With many, encoding takes far longer than reading a split again.
    """
    units = -(-(len(corpus.keys) - len(store)) // corpus.unit_rows)
    return max(min(runner.workers or UNITS_AIMED_AT, units), 1)


def identify_encoder(request: EncodeRequest, *, local: bool) -> Encoder:
    """Load the encoder that is asked for. Its digests are part of the spec.

    When this process does the work, it also encodes with this object. Workers elsewhere load their own encoder, on
    devices that this machine need not have.
    """
    if local:
        return resident_encoder(request.encoder, device=request.device, dtype=request.dtype)
    encoder = load_encoder(request.encoder, device="cpu")
    return replace(encoder, spec=replace(encoder.spec, compute_dtype=request.dtype))


def requested_spec(request: EncodeRequest, encoder: Encoder) -> FeatureSpec:
    """The feature spec that a request asks for, checked against what its encoder can give."""
    text = replace(
        encoder.text_spec(request.max_length, request.truncation_side), special_tokens=request.special_tokens
    )
    spec = FeatureSpec.build(encoder.spec, text, request.layers, request.positions, request.quantizer)
    extractor = FeatureExtractor(encoder, spec)
    if request.columns.pair is not None:
        extractor.check_pairs()
    return spec


def _sample_parts(corpus: Plan, columns: CorpusColumns) -> list[DocumentBlock]:
    samples = sample_units(corpus, smallest_keys(corpus, SAMPLE_DOCUMENTS))
    if not samples:
        raise UsageError(
            "the corpus holds no document to calibrate the quantizer on;"
            " add documents, or name a store to be like, whose calibration is taken over"
        )
    # Without the kept columns, whose types may differ between files.
    sample = read_sample(samples, replace(columns, keep=()))
    return [DocumentBlock(sample.table.slice(at, PART_DOCUMENTS)) for at in range(0, len(sample), PART_DOCUMENTS)]


def _folder(address: str) -> Objects:
    """Open or make the folder of dead letters, before the work. An error here must not come after it, at the commit."""
    try:
        folder = Objects.open(address, make=True)
        check_folder(folder)
    except (UsageError, StoreError) as error:
        raise UsageError(f"dead letters: {error}") from error
    return folder
