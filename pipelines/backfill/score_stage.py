"""The only stage of a backfill's graph.

It reads and decodes a segment once, scores it with every head that lacks predictions for it, and writes the files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import apache_beam as beam
import pyarrow as pa
import torch
from apache_beam.utils.shared import Shared

from encore.featurestore import Catalogue
from encore.featurestore.storage import REQUESTS_AT_ONCE
from encore.pipelines.flow import Interruption, blocks_of_segment, look_ahead, segments_ahead
from encore.pipelines.head_placement import scoring_on
from encore.pipelines.head_registry import HeadCopies
from encore.pipelines.predictions import (
    PredictionFile,
    PredictionsFolder,
    SegmentOutcome,
    SegmentUnit,
    SegmentWork,
    carry_over,
    prediction_table,
)
from encore.pipelines.runs import JobRun, RunFolder, give_back_freed_memory

if TYPE_CHECKING:
    from encore.pipelines.backfill.job import BackfillRequest

T = TypeVar("T")


class ScoreSegments(beam.DoFn):
    """Groups of SegmentUnit → the SegmentOutcome of each unit. Writes the prediction files.

    With object storage, the next segments are read and the last ones are written while one is scored.
    """

    def __init__(self, run: JobRun, request: BackfillRequest, heads: Sequence[str]) -> None:
        """Keep the names of what `setup` opens. The worker chooses the device."""
        self._uri, self._version, self._run_id = run.store.uri, run.store.version, run.folder.run_id
        self._torch_threads, self._shared_counts = run.runner.torch_threads, run.shared_counts
        self._out, self._device, self._dtype = request.out, request.device, request.dtype
        self._names = tuple(heads)
        self._handle = Shared()

    def setup(self) -> None:
        """Open the store and the predictions, once a worker. Load the heads onto the device, once a process.

        Raises:
            UsageError: no such device on this worker.
        """
        self._store = Catalogue.open(self._uri, self._version)
        # Kept, since it is a digest: computing it for every file took as long as writing a third of the files.
        self._fingerprint = self._store.spec.fingerprint
        self._predictions = PredictionsFolder.open(self._out)
        self._run = RunFolder(self._predictions.objects, self._run_id)
        self._requests = ThreadPoolExecutor(REQUESTS_AT_ONCE, "requests")
        self._heads = self._handle.acquire(
            lambda: HeadCopies(
                self._predictions.objects, self._names, self._store.spec, *scoring_on(self._device, self._dtype)
            )
        )

    def teardown(self) -> None:
        """End the threads."""
        self._requests.shutdown()

    def process(self, units: tuple[SegmentUnit, ...]) -> Iterator[SegmentOutcome]:
        """Score segments. An error in one becomes the failure of that segment, and the others go on."""
        if self._torch_threads is not None:
            torch.set_num_threads(self._torch_threads)
        with suppress(Interruption):
            yield from look_ahead(units, self._read, self._score, self._write, ahead=self._ahead(units))

    def _ahead(self, units: Sequence[SegmentUnit]) -> int:
        """How many segments are read ahead: enough to hide the latency of object storage; none from a disk.

        A disk has no latency to hide, and threads beyond the number of cores compete for the caches.
        """
        if self._store.objects.on_disk and self._predictions.objects.on_disk:
            return 0
        return segments_ahead(unit.entry for unit in units)

    def _read(self, unit: SegmentUnit) -> SegmentWork:
        """Take predictions that need no scoring, and begin to read the segment where some head has to score it."""
        self._shared_counts.get().check()
        work = SegmentWork(unit)
        with work.failing("read"):
            work.finished = self._finished(unit)
            if work.finished is None:
                self._take_what_is_there(work)
                if work.todo:
                    work.blocks = blocks_of_segment(self._store, unit.entry)
        return work

    def _finished(self, unit: SegmentUnit) -> SegmentOutcome | None:
        """The outcome that an earlier attempt of this run stored for a unit; None without one, or where it failed."""
        with suppress(FileNotFoundError):
            outcome = SegmentOutcome.from_dict(self._run.outcome(unit.number))
            return outcome if outcome.failure is None else None
        return None

    def _take_what_is_there(self, work: SegmentWork) -> None:
        """Collect the predictions that need no scoring: sound, adopted or carried over. Other heads go to ``todo``."""
        unit = work.unit
        ids = self._store.live_index(unit.entry, ["doc_id"])["doc_id"] if unit.listed or unit.candidates else None

        def take(name: str) -> tuple[PredictionFile | None, str]:
            if name in unit.listed and self._holds(unit.listed[name], ids):
                return unit.listed[name], "checked"
            adopted = next((file for file in unit.candidates.get(name, ()) if self._holds(file, ids)), None)
            return (adopted, "adopted") if adopted is not None else (self._carry(unit, name), "carried")

        for name, (file, way) in zip(unit.heads, self._each(take, unit.heads), strict=True):
            if file is None:
                work.todo.append(name)
                continue
            work.files.append(file)
            work.kept[way] += unit.entry.live

    def _holds(self, file: PredictionFile, ids: pa.ChunkedArray) -> bool:
        """Whether a file holds a head's predictions for these documents, in this order."""
        classes = self._heads.heads[file.head].classes
        table = self._predictions.find_file(file.path, file.documents, classes)
        return table is not None and bool(table["doc_id"].equals(ids))

    def _score(self, work: SegmentWork, waited: float) -> SegmentWork:
        """One pass over the segment for all heads that have to score it."""
        work.seconds["read"] = waited
        with work.failing("score"):
            if work.todo and work.failure is None:
                scorer = self._heads.scorer(work.todo)
                work.parts = {name: [] for name in work.todo}
                counts, number = self._shared_counts.get(), work.unit.number
                counts.begin(number)
                mark = time.perf_counter()
                for block in work.blocks:
                    mark = work.spend("read", mark)
                    for name, scores in zip(work.todo, scorer.score(block), strict=True):
                        with_all = self._predictions.probabilities
                        work.parts[name].append(prediction_table(block.doc_ids, scores, probabilities=with_all))
                    counts.add(number, len(block), len(block))
                    # Frees the buffer, which the next block is read into.
                    del block
                    mark = work.spend("score", mark)
        work.blocks = iter(())
        give_back_freed_memory()
        return work

    def _write(self, work: SegmentWork) -> SegmentOutcome:
        """Write the predictions, and then the outcome of the unit."""
        with work.failing("write"):
            if work.failure is None:
                mark = time.perf_counter()
                work.files += self._each(
                    lambda name: self._write_predictions(work.unit, name, work.parts[name]), work.todo
                )
                work.spend("write", mark)
        outcome = work.outcome()
        if work.finished is None:
            self._run.put_outcome(work.unit.number, outcome.to_dict())
        self._shared_counts.get().end(work.unit.number)
        return outcome

    def _write_predictions(self, unit: SegmentUnit, name: str, parts: Sequence[pa.Table]) -> PredictionFile:
        table = pa.concat_tables(parts)
        return self._predictions.write(name, unit.entry, table, self._version, self._fingerprint)

    def _each(self, step: Callable[[str], T], names: Sequence[str]) -> Iterator[T]:
        """Do a step for every head. In object storage many heads run at a time, since each step waits for requests."""
        one = len(names) == 1 or self._predictions.objects.on_disk
        return map(step, names) if one else self._requests.map(step, names)

    def _carry(self, unit: SegmentUnit, name: str) -> PredictionFile | None:
        """Write the head's older predictions for the live documents; None where these do not cover all of them."""
        older, sources = unit.older.get(name), unit.sources.get(name, ())
        if older is None and not sources:
            return None
        classes = self._heads.heads[name].classes
        kept = carry_over(self._store, self._predictions, unit.entry, older, sources, classes)
        return None if kept is None else self._write_predictions(unit, name, [kept])
