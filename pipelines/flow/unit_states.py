"""What flows through the fused stage of an encode or derive job: one work unit, as documents, then as features."""

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
        candidates: (n,) int64, rising: which of the unit's candidates takes the place of each row.
        names: segments that hold such rows.
        segments: (n,) int64: in which of ``names`` each row lies.
        positions: (n,) int64: where in its segment.
    """

    candidates: npt.NDArray[np.int64]
    names: tuple[str, ...]
    segments: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]

    def by_segment(self, without: Sequence[int] = ()) -> dict[str, list[int]]:
        """Segment → sorted positions of the rows, but for those of some candidates."""
        taken = ~np.isin(self.candidates, np.asarray(without, np.int64))
        found = {
            name: np.sort(self.positions[taken & (self.segments == number)]).tolist()
            for number, name in enumerate(self.names)
        }
        return {name: positions for name, positions in found.items() if positions}


@dataclass(frozen=True, eq=False)
class PlannedUnit:
    """The valid documents of a unit, before the snapshot is asked which of them it holds.

    Attributes:
        number: of the unit in the plan.
        documents_in: rows that the unit covers.
        file: where the documents come from, for dead letters.
        index: document index columns of the documents, in the segment's order.
        rows: (documents,) int64: their rows in the file.
        dead: letters of what was rejected while reading.
    """

    number: int
    documents_in: int
    file: str
    index: pa.Table
    rows: npt.NDArray[np.int64]
    dead: tuple[DeadLetter, ...] = ()


@dataclass(frozen=True, eq=False)
class SettledUnit:
    """A unit of which it is known what the snapshot lacks: the candidates, and the segment that they make.

    Attributes:
        number, documents_in, file: as of the `PlannedUnit`.
        index: document index columns of the candidates, in the segment's order: what its name is made of.
        rows: (candidates,) int64: their rows in the file.
        dead: letters of what was rejected while reading.
        skipped: documents that the snapshot holds already.
        blocked: documents that are on the block list.
        superseded: rows of the snapshot whose documents have a new text here.
        segment: id of the segment that the candidates make; None where nothing is left to encode.
        finished: the completion record of that segment, where an earlier attempt finished it.
        refresh: documents that the snapshot holds with other kept columns; None where there is none.
        finished_refresh: the documents of ``finished``, where it was made with other kept columns.
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
        """Whether the segment is still to be made."""
        return self.segment is not None and self.finished is None

    def spent(self, seconds: Mapping[str, float]) -> SettledUnit:
        """The unit after so much time in some stages."""
        return replace(self, seconds={**self.seconds, **seconds})


@dataclass(frozen=True)
class FailedUnit:
    """A unit that failed as a whole: it passes the rest of the graph as it is."""

    number: int
    documents_in: int
    failure: Failure

    def __len__(self) -> int:
        """No documents to encode: what RunInference counts."""
        return 0


@dataclass(frozen=True)
class UnitDocuments:
    """A unit on its way into the encoder; ``documents`` is empty where nothing is to be encoded."""

    unit: SettledUnit
    documents: DocumentBlock

    def __len__(self) -> int:
        """Documents to encode: what RunInference counts."""
        return len(self.documents)


@dataclass(frozen=True)
class UnitFeatures:
    """A unit on its way into the store; ``features`` is None where no segment is to be written."""

    unit: SettledUnit
    features: FeatureBlock | None = None
    counts: EncodingCounts | None = None
    rejected: tuple[RejectedDocument, ...] = ()


@dataclass(frozen=True)
class UnitOutcome:
    """What came of a unit: small, JSON, and all that the commit needs.

    Attributes:
        unit: its number in the plan.
        documents_in: rows that the unit covers.
        encoded: documents stored by this run.
        adopted: documents of a segment that an earlier attempt had finished.
        refreshed: documents that the snapshot held with other kept columns.
        skipped: documents that the snapshot held already.
        blocked: documents that are on the block list.
        dead: rejected rows.
        tokens, padded_tokens, truncated, saturated: of the documents that this run encoded.
        entry: the segment, where there is one to list.
        refreshed_entry: the segment of the refreshed documents, where there are any.
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
