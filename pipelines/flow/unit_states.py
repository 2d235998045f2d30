"""The states of a work unit in an encode or derive job: planned, settled, documents, features, outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.encoders import DocumentBlock
from encore.featurestore import FeatureBlock
from encore.featurestore.segments import EncodingCounts, RejectedDocument, SegmentEntry, SegmentRecord
from encore.pipelines.dead_letters import DeadLetter
from encore.pipelines.flow.failure import Failure
from encore.pipelines.flow.refresh import Refresh


@dataclass(frozen=True, eq=False)
class Supersession:
    """Rows of the snapshot whose documents have a new text in a unit.

    Attributes:
        candidates: (n,) int64, ascending: the unit's candidate that takes the place of each row.
        names: segments that hold such rows.
        segments: (n,) int64: position in ``names`` of each row's segment.
        positions: (n,) int64: position of each row in its segment.
    """

    candidates: npt.NDArray[np.int64]
    names: tuple[str, ...]
    segments: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]

    def by_segment(self, without: Sequence[int] = ()) -> dict[str, list[int]]:
        """Segment → sorted positions of the rows, without the rows of the candidates ``without``."""
        taken = ~np.isin(self.candidates, np.asarray(without, np.int64))
        found = {
            name: np.sort(self.positions[taken & (self.segments == number)]).tolist()
            for number, name in enumerate(self.names)
        }
        return {name: positions for name, positions in found.items() if positions}


@dataclass(frozen=True, eq=False)
class PlannedUnit:
    """The valid documents of a unit, before they are compared with the snapshot.

    Attributes:
        number: of the unit in the plan.
        documents_in: rows that the unit covers.
        file: URI that dead letters name as the documents' source.
        index: document index columns of the documents, in the segment's order.
        rows: (documents,) int64: their rows in the file.
        dead: dead letters of the rows that were rejected while reading.
    """

    number: int
    documents_in: int
    file: str
    index: pa.Table
    rows: npt.NDArray[np.int64]
    dead: tuple[DeadLetter, ...] = ()


@dataclass(frozen=True, eq=False)
class SettledUnit:
    """A unit after the comparison with the snapshot: what the snapshot lacks are its candidates.

    Attributes:
        number, documents_in, file: as of the `PlannedUnit`.
        index: document index columns of the candidates, in the segment's order. The segment's name is made from them.
        rows: (candidates,) int64: their rows in the file.
        dead: dead letters of the rows that were rejected while reading.
        skipped: documents that the snapshot holds already.
        blocked: documents that are on the block list.
        superseded: rows of the snapshot whose documents have a new text in this unit.
        segment: id of the segment that the candidates make; None without candidates.
        finished: the completion record of that segment, where an earlier attempt finished it.
        refresh: documents that the snapshot holds with other kept columns; None without such documents.
        finished_refresh: the documents of ``finished``, if it was made with other kept columns; else None.
        seconds: stage → time spent.
    """

    number: int
    documents_in: int
    file: str
    index: pa.Table
    rows: npt.NDArray[np.int64]
    dead: tuple[DeadLetter, ...]
    skipped: int
    blocked: int
    superseded: Supersession
    segment: str | None
    finished: SegmentRecord | None
    refresh: Refresh | None
    finished_refresh: Refresh | None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def pending(self) -> bool:
        """Whether the segment must still be made."""
        return self.segment is not None and self.finished is None

    def spent(self, seconds: Mapping[str, float]) -> SettledUnit:
        """The unit with these seconds added (stage → time)."""
        return replace(self, seconds={**self.seconds, **seconds})


@dataclass(frozen=True)
class FailedUnit:
    """A unit that failed as a whole. The later stages pass it on unchanged."""

    number: int
    documents_in: int
    failure: Failure

    def __len__(self) -> int:
        """0 documents to encode; RunInference counts them by this."""
        return 0


@dataclass(frozen=True)
class UnitDocuments:
    """A unit before the encoder. ``documents`` is empty where nothing is to be encoded."""

    unit: SettledUnit
    documents: DocumentBlock

    def __len__(self) -> int:
        """Number of documents to encode; RunInference counts them by this."""
        return len(self.documents)


@dataclass(frozen=True)
class UnitFeatures:
    """A unit before it is written. ``features`` is None where no segment is to be written."""

    unit: SettledUnit
    features: FeatureBlock | None = None
    counts: EncodingCounts | None = None
    rejected: tuple[RejectedDocument, ...] = ()


@dataclass(frozen=True)
class UnitOutcome:
    """The outcome of a unit. It is small, can be JSON, and holds all that the commit needs.

    Attributes:
        unit: its number in the plan.
        documents_in: rows that the unit covers.
        encoded: documents stored by this run.
        adopted: documents of a segment that an earlier attempt had finished.
        refreshed: documents that the snapshot held with other kept columns.
        skipped: documents that the snapshot held already.
        blocked: documents that are on the block list.
        dead: rejected rows.
        tokens, padded_tokens, truncated, saturated: counts over the documents that this run encoded.
        entry: the segment to list; None without one.
        refreshed_entry: the segment of the refreshed documents; None without one.
        superseded: segment of the snapshot → positions of the documents whose text has changed.
        seconds: stage → time spent.
        failure: why the unit failed as a whole.
    """

    unit: int
    documents_in: int
    encoded: int = 0
    adopted: int = 0
    refreshed: int = 0
    skipped: int = 0
    blocked: int = 0
    dead: int = 0
    tokens: int = 0
    padded_tokens: int = 0
    truncated: int = 0
    saturated: int = 0
    entry: SegmentEntry | None = None
    refreshed_entry: SegmentEntry | None = None
    superseded: Mapping[str, list[int]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    failure: Failure | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> UnitOutcome:
        """Inverse of `to_dict`."""
        kinds = {"entry": SegmentEntry, "refreshed_entry": SegmentEntry, "failure": Failure}
        nested = {name: kind(**document[name]) for name, kind in kinds.items() if document[name] is not None}
        return cls(**{**document, **nested})
