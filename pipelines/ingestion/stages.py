"""The stages that an encode and a derive job share: what is left to do of a unit, and writing what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from apache_beam.utils.shared import Shared

from encore.featurestore import Store
from encore.featurestore.commits import find_adoptable
from encore.featurestore.common import panics_as_errors
from encore.featurestore.history import BlockList, blocked
from encore.featurestore.segments import SegmentEntry, SegmentRecord, write_segment
from encore.featurestore.storage import Objects
from encore.pipelines.dead_letters import DeadLetter
from encore.pipelines.flow import Failure, StoredColumns, Superseded, UnitFeatures, UnitOutcome, UnitState, stale_in
from encore.pipelines.runs import RunFolder, give_back_freed_memory


class Snapshot:
    """The snapshot that a job works from, with its key index and block list: one a process, shared by its threads."""

    def __init__(self, uri: str, version: int) -> None:
        self.store = Store.open(uri, version)
        self.keys = self.store.keys
        self.columns = StoredColumns(self.store)
        self.blocked = blocked(self.store.objects)

    @classmethod
    def shared(cls, handle: Shared, uri: str, version: int) -> Snapshot:
        """The process's one copy."""
        return handle.acquire(lambda: cls(uri, version), tag=f"{uri}@{version}")  # type: ignore[no-any-return]


def settle(state: UnitState, snapshot: Snapshot) -> tuple[UnitState, npt.NDArray[np.bool_]]:
    """Leave out what is blocked or stored, name the segment of the rest, and look whether it is finished already.

    What is stored with other kept columns than the unit has now is to be refreshed.

    Args:
        state: a unit whose ``index`` and ``rows`` are those of every valid document read.
        snapshot: what the job works from.

    Returns:
        The state, its candidates only those that are left; and (documents read,) bool: which ones these are.
    """
    left = ~snapshot.blocked.mask(state.index["doc_id"])
    welcome = state.index.filter(pa.array(left))
    found = snapshot.keys.find(welcome["key_hash"])
    same = snapshot.keys.same_text(found, welcome["text_digest"])
    refresh = snapshot.columns.stale(welcome, same, found)
    index = welcome.filter(pa.array(~same))
    left[left] = ~same
    dead = _without_blocked(state.dead, snapshot.blocked)
    segment, finished = None, None
    if index.num_rows:
        segment, finished = find_adoptable(snapshot.store, snapshot.store.segment_for(index))
    state = replace(
        state,
        segment=segment,
        finished=finished,
        index=index,
        rows=state.rows[left],
        skipped=welcome.num_rows - index.num_rows - (0 if refresh is None else len(refresh)),
        blocked=state.index.num_rows - welcome.num_rows + len(state.dead) - len(dead),
        dead=dead,
        superseded=_superseded(snapshot, found[~same]),
        refresh=refresh,
        finished_refresh=None if finished is None else stale_in(snapshot.store, finished, index),
    )
    return state, left


def _superseded(snapshot: Snapshot, stored: npt.NDArray[np.int64]) -> Superseded:
    """Rows whose place the candidates take; ``stored`` (candidates,) is where each is in `keys`, −1 for nowhere."""
    candidates = np.flatnonzero(stored >= 0)
    ordinals, segments = np.unique(snapshot.keys.segment[stored[candidates]], return_inverse=True)
    names = tuple(snapshot.store.entries[ordinal].segment for ordinal in ordinals.tolist())
    return Superseded(candidates, names, segments, snapshot.keys.document[stored[candidates]].astype(np.int64))


def _without_blocked(dead: tuple[DeadLetter, ...], block_list: BlockList) -> tuple[DeadLetter, ...]:
    """Dead letters but for those of blocked documents, whose ids are not to be written anywhere."""
    named = block_list.mask([letter.doc_id or "" for letter in dead])
    return tuple(letter for letter, hit in zip(dead, named, strict=True) if not (hit and letter.doc_id))


class WriteSegments(beam.DoFn):
    """UnitFeatures → UnitOutcome: writes the segment, the dead letters and the outcome of each unit."""

    def __init__(self, uri: str, run_id: str, version: int, codec: str) -> None:
        self._uri, self._run_id, self._version, self._codec = uri, run_id, version, codec

    def setup(self) -> None:
        """Open the store once a worker."""
        self._store = Store.open(self._uri, self._version)
        self._run = RunFolder(self._store.objects, self._run_id)

    def process(self, unit: UnitFeatures) -> Iterator[UnitOutcome]:
        """Write one unit; whatever goes wrong becomes its outcome, and other units go on."""
        try:
            outcome, dead = finish_unit(self._store, unit, self._codec)
        except Exception as error:  # noqa: BLE001 (becomes the unit's failure, which the job reports and exits 1 for)
            failure = Failure.of("write", error)
            outcome, dead = UnitOutcome(unit.state.unit, unit.state.documents_in, failure=failure), ()
        self._run.put_dead_letters(unit.state.unit, dead)
        self._run.put_outcome(unit.state.unit, outcome.to_dict())
        give_back_freed_memory()
        yield outcome


@panics_as_errors()
def finish_unit(store: Store, unit: UnitFeatures, codec: str) -> tuple[UnitOutcome, tuple[DeadLetter, ...]]:
    """Write a unit's segment, or take the one that is there; say what came of it and who was rejected."""
    state, started = unit.state, time.perf_counter()
    if state.failure is not None:
        return UnitOutcome(state.unit, state.documents_in, failure=state.failure), ()
    outcome = UnitOutcome(
        unit=state.unit,
        documents_in=state.documents_in,
        skipped=state.skipped,
        blocked=state.blocked,
        dead=len(state.dead),
        seconds=state.seconds,
    )
    if state.refresh is not None:
        copied = SegmentEntry.of(state.refresh.write(store, codec))
        outcome = replace(outcome, refreshed=copied.documents, refreshed_entry=copied)
    if state.segment is None:
        return outcome, state.dead
    if state.finished is not None:
        record = state.finished
        if state.finished_refresh is not None:
            record = state.finished_refresh.write(store, codec, record.rejected)
        outcome = replace(outcome, adopted=record.documents)
    else:
        record = _write(store.objects, store, unit, codec)
        outcome = replace(
            outcome,
            encoded=record.documents,
            tokens=record.tokens,
            padded_tokens=record.padded_tokens,
            truncated=record.truncated,
            saturated=record.saturated,
            seconds={**state.seconds, "write": time.perf_counter() - started},
        )
    dead = (*state.dead, *_rejected(state, record))
    entry = SegmentEntry.of(record) if record.documents else None
    # The old row of a document whose new text was refused stays, at whatever stage that was.
    superseded = state.superseded.by_segment(without=[rejected.position for rejected in record.rejected])
    return replace(outcome, dead=len(dead), entry=entry, superseded=superseded), dead


def _write(objects: Objects, store: Store, unit: UnitFeatures, codec: str) -> SegmentRecord:
    if unit.features is None or unit.counts is None or unit.state.segment is None:
        raise ValueError(f"unit {unit.state.unit}: a segment without features")
    return write_segment(
        objects, unit.state.segment, unit.features, store.spec, unit.counts, codec=codec, rejected=unit.rejected
    )


def _rejected(state: UnitState, record: SegmentRecord) -> Iterator[DeadLetter]:
    """Dead letters of the candidates that the encoder refused."""
    for rejected in record.rejected:
        at = rejected.position
        yield DeadLetter(
            doc_id=state.index["doc_id"][at].as_py(),
            file=state.file,
            row=int(state.rows[at]),
            stage=rejected.stage,
            reason=rejected.reason,
            text_digest=state.index["text_digest"][at].as_py(),
        )
