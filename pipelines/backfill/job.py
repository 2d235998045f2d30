"""The backfill job: every head over every stored document, in one pass, without the encoder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import apache_beam as beam

from encore.featurestore import Catalogue
from encore.featurestore.common import settle_fields
from encore.featurestore.history import require_records
from encore.heads import Head
from encore.pipelines.backfill.groups import groups_of
from encore.pipelines.backfill.score_stage import ScoreSegments
from encore.pipelines.flow import Failure
from encore.pipelines.head_placement import scoring_on
from encore.pipelines.head_registry import copy_heads, head_title, load_heads
from encore.pipelines.predictions import (
    JobWork,
    PredictionsFolder,
    SegmentOutcome,
    head_name,
    plan_segments,
)
from encore.pipelines.progress import ProgressDisplay, SilentDisplay
from encore.pipelines.runs import GIVE_UP_AFTER, JobReport, JobRun, RunFolder, RunnerChoice, seconds_by_stage, sums

GONE = Failure("publish", "a prediction file that was to be listed is gone, or of another size; run again")
"""The failure when somebody has removed a file, such as a vacuum whose age limit is shorter than the job."""


@dataclass(frozen=True)
class BackfillRequest:
    """The request of `backfill`.

    Attributes:
        store: URI of the store.
        heads: trained heads, or the directories of saved ones.
        out: URI of the predictions folder, made where there is none.
        snapshot: number or tag of the snapshot to score; None takes the newest.
        probabilities: keep every class's probability beside the label and its score.
        device: where heads score: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        dtype: what a GPU multiplies in: ``float32``, or ``float16``, which moves probabilities by some 0.001.
        check: read every listed file of these heads, and score again what is damaged.
        give_up_after: minutes without a sign of life of workers elsewhere, after which the job ends with an error.
    """

    store: str
    heads: tuple[str | Head, ...]
    out: str
    snapshot: int | str | None = None
    probabilities: bool = False
    device: str = "auto"
    dtype: str = "float32"
    check: bool = False
    give_up_after: float = GIVE_UP_AFTER

    def __post_init__(self) -> None:
        settle_fields(self)


def backfill(
    request: BackfillRequest, *, beam_options: Sequence[str] = (), display: ProgressDisplay | None = None
) -> JobReport:
    """Score what is not scored yet: new segments, new heads, and documents whose text has changed.

    Raises:
        SpecMismatch: a head was trained on other features than the store holds; nothing is scored.
        UsageError: a head cannot be read, two are the same, the folder holds another store's predictions, or there is
            no such device; nothing is scored.
        JobError: the pipeline failed as a whole; finished files are kept for the next run.
    """
    started = time.monotonic()
    device = _device_of(request, local=RunnerChoice.of(beam_options, 1, request.give_up_after).workers is not None)
    store = Catalogue.open(request.store, request.snapshot)
    heads = load_heads(request.heads)
    for given, head in zip(request.heads, heads, strict=True):
        head.require(store.spec, head_title(given), f"store {store.uri}")
    names = [head_name(head) for head in heads]
    require_records(store.objects, store.manifest, store.listed)
    predictions = PredictionsFolder.create(request.out, store, probabilities=request.probabilities)
    copy_heads(predictions.objects, heads)
    folder = RunFolder.start(predictions.objects)
    folder.begin("backfill", store.version)
    listed = predictions.files()
    # The store is opened again, after the list of files is read. Otherwise files that another backfill published just
    # before, for a newer snapshot, would look outdated.
    store = Catalogue.open(request.store, request.snapshot)
    units = plan_segments(store, predictions, names, listed, check=request.check)
    run = JobRun(
        name="backfill",
        store=store,
        folder=folder,
        units=units,
        documents=sum(unit.entry.live for unit in units),
        runner=RunnerChoice.of(beam_options, len(units), request.give_up_after),
        display=display or SilentDisplay(),
        started=started,
    )
    groups = groups_of(units, [max(1, unit.entry.payload_bytes) for unit in units], run.runner.workers)
    score = ScoreSegments(run, request, names)
    run.execute(groups, lambda elements: elements | "Score" >> beam.ParDo(score))
    outcomes, failures = run.outcomes(SegmentOutcome.from_dict)
    began_with = set(listed)
    made = [file for outcome in outcomes.values() for file in outcome.files if file not in began_with]
    # A segment whose scoring failed keeps its old predictions.
    done = predictions.publish(
        JobWork(
            heads=names,
            snapshot=store.version,
            live=[entry.segment for entry in store.entries if entry.live],
            made=made,
            planned_on=listed,
            newest_live=lambda: [entry.segment for entry in Catalogue.open(request.store).entries if entry.live],
        )
    )
    gone = set(done.gone)
    failures |= {unit: GONE for unit, outcome in outcomes.items() if gone & set(outcome.files)}
    entries = {
        "snapshot": store.version,
        "predictions": predictions.objects.uri,
        "version": {"before": done.before.version, "after": done.manifest.version},
        "committed": done.manifest.version != done.before.version,
        "heads": names,
        "device": device,
        "dtype": request.dtype,
        "documents": {
            "stored": len(store),
            "read": sum(outcome.documents_in for outcome in outcomes.values()),
            **sums(outcomes.values(), "scored", "carried", "adopted", "checked"),
        },
        "bytes": sum(file.bytes for file in made),
        "seconds": seconds_by_stage(outcomes.values()),
        "failures": {str(unit): {"stage": f.stage, "reason": f.reason} for unit, f in failures.items()},
    }
    return run.report(entries, failed=bool(failures))


def _device_of(request: BackfillRequest, *, local: bool) -> str:
    """Name of the device that heads score on. For workers elsewhere it is the name that was asked for.

    Raises:
        UsageError: this process scores, and has no such device.
    """
    return str(scoring_on(request.device, request.dtype)[0]) if local else request.device
