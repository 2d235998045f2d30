"""The fused stage of a backfill: read a segment once, decode once, score with every head that needs it, write files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import apache_beam as beam
import pyarrow as pa
import torch
from apache_beam.utils.shared import Shared

from featurestore import Store
from featurestore.entries import SegmentEntry
from pipelines.carried_predictions import Sources, carried
from pipelines.memory import give_back_freed_memory
from pipelines.predictions import PredictionFile, Predictions, prediction_path, prediction_table
from pipelines.read_ahead import read_ahead
from pipelines.runs import RunFolder
from pipelines.staged_heads import StagedHeads
from pipelines.unit_flow import Failure

BLOCK_BYTES = 16 << 20
"""Packed features that are decoded at a time; as floats they take up to 32 times as much."""


@dataclass(frozen=True)
class SegmentUnit:
    """A segment and the heads that lack predictions for it.

    Attributes:
        number: ordinal over the plan.
        entry: the segment, as the snapshot lists it.
        heads: names of the heads that have to do something about it.
        older: head → file with its predictions under an older deletion vector: they are kept, less the deleted.
        sources: head → files of the segments that were compacted into this one: they are put together.
    """

    number: int
    entry: SegmentEntry
    heads: tuple[str, ...]
    older: Mapping[str, str] = field(default_factory=dict)
    sources: Sources = field(default_factory=dict)


@dataclass(frozen=True)
class SegmentOutcome:
    """What came of a segment.

    Attributes:
        unit: number of the unit.
        documents_in: live documents of the segment.
        scored: predictions made: documents times heads.
        carried: predictions taken over from files under an older deletion vector, or of segments compacted since.
        adopted: predictions in files that an earlier run had finished and not listed.
        files: what is to be listed.
        seconds: stage → time spent; of reading, what scoring waited for.
        failure: why the unit failed as a whole.
    """

    unit: int
    documents_in: int
    scored: int = 0
    carried: int = 0
    adopted: int = 0
    files: tuple[PredictionFile, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    failure: Failure | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> SegmentOutcome:
        """Inverse of `to_dict`."""
        failure = document["failure"]
        nested = {
            "files": tuple(PredictionFile(**file) for file in document["files"]),
            "failure": None if failure is None else Failure(**failure),
        }
        return cls(**{**document, **nested})


class ScoreSegments(beam.DoFn):
    """SegmentUnit → SegmentOutcome, with the prediction files written on the way."""

    def __init__(
        self, store: str, version: int, out: str, run_id: str, heads: Sequence[str], torch_threads: int | None
    ) -> None:
        self._uri, self._version, self._out, self._run_id = store, version, out, run_id
        self._names, self._torch_threads = tuple(heads), torch_threads
        self._handle = Shared()

    def setup(self) -> None:
        """Open store and predictions once a worker; heads are loaded once a process."""
        self._store = Store.open(self._uri, self._version)
        # A digest: computed for every file, it took as long as writing a third of them.
        self._fingerprint = self._store.spec.fingerprint
        self._predictions = Predictions.open(self._out)
        self._run = RunFolder(self._predictions.objects, self._run_id)
        self._heads = self._handle.acquire(
            lambda: StagedHeads(self._predictions.objects, self._names, self._store.spec)
        )

    def process(self, unit: SegmentUnit) -> Iterator[SegmentOutcome]:
        """Score one segment; whatever goes wrong becomes its failure, and other segments go on."""
        if self._torch_threads is not None:
            torch.set_num_threads(self._torch_threads)
        try:
            outcome = self._finish(unit)
        except Exception as error:  # noqa: BLE001 (becomes the unit's failure, which the job reports and exits 1 for)
            outcome = SegmentOutcome(unit.number, unit.entry.live, failure=Failure.of("score", error))
        self._run.put_outcome(unit.number, outcome.to_dict())
        give_back_freed_memory()
        yield outcome

    def _finish(self, unit: SegmentUnit) -> SegmentOutcome:
        """Take what is finished, carry over what is still right, score the rest."""
        files, todo, carried, adopted = [], [], 0, 0
        for name in unit.heads:
            if (size := self._predictions.objects.size(prediction_path(name, unit.entry))) is not None:
                # Written whole or not at all, by a run that ended before it could list the file.
                files.append(self._file(unit, name, size))
                adopted += unit.entry.live
            elif (size := self._carry(unit, name)) is not None:
                files.append(self._file(unit, name, size))
                carried += unit.entry.live
            else:
                todo.append(name)
        seconds: dict[str, float] = {}
        if todo:
            files += self._score(unit, todo, seconds)
        return SegmentOutcome(
            unit.number, unit.entry.live, len(todo) * unit.entry.live, carried, adopted, tuple(files), seconds
        )

    def _score(self, unit: SegmentUnit, names: Sequence[str], seconds: dict[str, float]) -> list[PredictionFile]:
        """One pass over the segment for all these heads."""
        scorer = self._heads.scorer(names)
        parts: dict[str, list[pa.Table]] = {name: [] for name in names}
        mark = time.perf_counter()
        for block in read_ahead(self._store.scan_segment(unit.entry, BLOCK_BYTES)):
            mark = _spend(seconds, "read", mark)
            for name, scores in zip(names, scorer.score(block), strict=True):
                with_all = self._predictions.probabilities
                parts[name].append(prediction_table(block.doc_ids, scores, probabilities=with_all))
            mark = _spend(seconds, "score", mark)
        files = []
        for name, tables in parts.items():
            size = self._predictions.write_file(prediction_path(name, unit.entry), pa.concat_tables(tables))
            files.append(self._file(unit, name, size))
        _spend(seconds, "write", mark)
        return files

    def _carry(self, unit: SegmentUnit, name: str) -> int | None:
        """Write what a head predicted before for what is live now; None where that does not cover all of it."""
        older, sources = unit.older.get(name), unit.sources.get(name, ())
        kept = carried(self._store, self._predictions, unit.entry, older, sources)
        if kept is None:
            return None
        return self._predictions.write_file(prediction_path(name, unit.entry), kept)

    def _file(self, unit: SegmentUnit, name: str, size: int) -> PredictionFile:
        return PredictionFile(
            head=name,
            segment=unit.entry.segment,
            deletions=unit.entry.deletions,
            path=prediction_path(name, unit.entry),
            documents=unit.entry.live,
            bytes=size,
            snapshot=self._version,
            fingerprint=self._fingerprint,
        )


def _spend(seconds: dict[str, float], stage: str, since: float) -> float:
    now = time.perf_counter()
    seconds[stage] = seconds.get(stage, 0.0) + now - since
    return now
