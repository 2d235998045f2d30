"""The stages that encode and derive share: comparing a unit with the snapshot, and writing its segment and outcome."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from apache_beam.utils.shared import Shared

from encore.featurestore import Catalogue
from encore.featurestore.commits import find_adoptable
from encore.featurestore.common import panics_as_errors
from encore.featurestore.history import BlockList, blocked
from encore.featurestore.segments import SegmentEntry, SegmentRecord, write_segment
from encore.pipelines.dead_letters import DeadLetter
from encore.pipelines.flow import (
    FailedUnit,
    Failure,
    PlannedUnit,
    SettledUnit,
    StoredColumns,
    Supersession,
    UnitFeatures,
    UnitOutcome,
    refresh_of_segment,
)
from encore.pipelines.runs import JobRun, RunFolder, give_back_freed_memory


class Snapshot:
    """The snapshot that a job works from, with key index and block list. The threads of a process share one."""

    def __init__(self, uri: str, version: int) -> None:
        self.store = Catalogue.open(uri, version)
        self.keys = self.store.keys
        self.columns = StoredColumns(self.store)
        self.blocked = blocked(self.store.objects)

    @classmethod
    def shared(cls, handle: Shared, uri: str, version: int) -> Snapshot:
        """The process's one copy."""
        return handle.acquire(lambda: cls(uri, version), tag=f"{uri}@{version}")  # type: ignore[no-any-return]


def settle(unit: PlannedUnit, snapshot: Snapshot) -> tuple[SettledUnit, npt.NDArray[np.bool_]]:
    """Leave out blocked and stored documents, name the segment of the others, and look for a finished one.

    Documents that are stored with other kept columns are to be refreshed.

    Returns:
        The unit, with the remaining documents as its candidates; and (documents,) bool: which documents remain.
    """
    left = ~snapshot.blocked.mask(unit.index["doc_id"])
    welcome = unit.index.filter(pa.array(left))
    found = snapshot.keys.find(welcome["key_hash"])
    same = snapshot.keys.same_text(found, welcome["text_digest"])
    refresh = snapshot.columns.refresh_of(welcome, same, found)
    index = welcome.filter(pa.array(~same))
    left[left] = ~same
    dead = _without_blocked(unit.dead, snapshot.blocked)
    segment, finished = None, None
    if index.num_rows:
        segment, finished = find_adoptable(snapshot.store, snapshot.store.segment_for(index))
    settled = SettledUnit(
        number=unit.number,
        documents_in=unit.documents_in,
        file=unit.file,
        index=index,
        rows=unit.rows[left],
        dead=dead,
        skipped=welcome.num_rows - index.num_rows - (0 if refresh is None else len(refresh)),
        blocked=unit.index.num_rows - welcome.num_rows + len(unit.dead) - len(dead),
        superseded=_superseded(snapshot, found[~same]),
        segment=segment,
        finished=finished,
        refresh=refresh,
        finished_refresh=None if finished is None else refresh_of_segment(snapshot.store, finished, index),
    )
    return settled, left


def _superseded(snapshot: Snapshot, stored: npt.NDArray[np.int64]) -> Supersession:
    """The rows that the candidates replace. ``stored`` (candidates,) int64: position of each in `keys`, or −1."""
    candidates = np.flatnonzero(stored >= 0)
    ordinals, segments = np.unique(snapshot.keys.segment[stored[candidates]], return_inverse=True)
    names = tuple(snapshot.store.entries[ordinal].segment for ordinal in ordinals.tolist())
    return Supersession(candidates, names, segments, snapshot.keys.document[stored[candidates]].astype(np.int64))


def _without_blocked(dead: tuple[DeadLetter, ...], block_list: BlockList) -> tuple[DeadLetter, ...]:
    """Dead letters without those of blocked documents, whose ids must not be written anywhere."""
    named = block_list.mask([letter.doc_id or "" for letter in dead])
    return tuple(letter for letter, hit in zip(dead, named, strict=True) if not (hit and letter.doc_id))


class WriteSegments(beam.DoFn):
    """UnitFeatures and FailedUnit → UnitOutcome: writes the segment, the dead letters and the outcome of each unit."""

    def __init__(self, run: JobRun, codec: str) -> None:
        self._uri, self._version, self._run_id = run.store.uri, run.store.version, run.folder.run_id
        self._shared_counts, self._codec = run.shared_counts, codec

    def setup(self) -> None:
        """Open the store once a worker."""
        self._store = Catalogue.open(self._uri, self._version)
        self._run = RunFolder(self._store.objects, self._run_id)

    def process(self, element: UnitFeatures | FailedUnit) -> Iterator[UnitOutcome]:
        """Write one unit. An error becomes the failure in its outcome, and other units go on."""
        outcome, dead = self._finish(element)
        self._run.put_dead_letters(outcome.unit, dead)
        self._run.put_outcome(outcome.unit, outcome.to_dict())
        self._shared_counts.get().end(outcome.unit)
        give_back_freed_memory()
        yield outcome

    def _finish(self, element: UnitFeatures | FailedUnit) -> tuple[UnitOutcome, tuple[DeadLetter, ...]]:
        if isinstance(element, FailedUnit):
            return UnitOutcome(element.number, element.documents_in, failure=element.failure), ()
        try:
            return finish_unit(self._store, element, self._codec)
        except Exception as error:  # noqa: BLE001 (becomes the unit's failure, which the job reports and exits 1 for)
            unit = element.unit
            return UnitOutcome(unit.number, unit.documents_in, failure=Failure.of("write", error)), ()


@panics_as_errors()
def finish_unit(store: Catalogue, made: UnitFeatures, codec: str) -> tuple[UnitOutcome, tuple[DeadLetter, ...]]:
    """Write a unit's segment, or adopt the finished one. Returns the unit's outcome and its dead letters."""
    unit, started = made.unit, time.perf_counter()
    outcome = UnitOutcome(
        unit=unit.number,
        documents_in=unit.documents_in,
        skipped=unit.skipped,
        blocked=unit.blocked,
        dead=len(unit.dead),
        seconds=unit.seconds,
    )
    if unit.refresh is not None:
        copied = SegmentEntry.of(unit.refresh.write(store, codec))
        outcome = replace(outcome, refreshed=copied.documents, refreshed_entry=copied)
    if unit.segment is None:
        return outcome, unit.dead
    if unit.finished is not None:
        record = unit.finished
        if unit.finished_refresh is not None:
            record = unit.finished_refresh.write(store, codec, record.rejected)
        outcome = replace(outcome, adopted=record.documents)
    else:
        record = _write(store, made, codec)
        outcome = replace(
            outcome,
            encoded=record.documents,
            tokens=record.tokens,
            padded_tokens=record.padded_tokens,
            truncated=record.truncated,
            saturated=record.saturated,
            seconds={**unit.seconds, "write": time.perf_counter() - started},
        )
    dead = (*unit.dead, *_rejected(unit, record))
    entry = SegmentEntry.of(record) if record.documents else None
    # When the new text of a document is rejected, its old row stays, whichever stage rejects it.
    superseded = unit.superseded.by_segment(without=[rejected.position for rejected in record.rejected])
    return replace(outcome, dead=len(dead), entry=entry, superseded=superseded), dead


def _write(store: Catalogue, made: UnitFeatures, codec: str) -> SegmentRecord:
    if made.features is None or made.counts is None or made.unit.segment is None:
        raise ValueError(f"unit {made.unit.number}: a segment without features")
    return write_segment(
        store.objects, made.unit.segment, made.features, store.spec, made.counts, codec=codec, rejected=made.rejected
    )


def _rejected(unit: SettledUnit, record: SegmentRecord) -> Iterator[DeadLetter]:
    """Dead letters of the candidates that the encoder rejected."""
    for rejected in record.rejected:
        at = rejected.position
        yield DeadLetter(
            doc_id=unit.index["doc_id"][at].as_py(),
            file=unit.file,
            row=int(unit.rows[at]),
            stage=rejected.stage,
            reason=rejected.reason,
            text_digest=unit.index["text_digest"][at].as_py(),
        )
