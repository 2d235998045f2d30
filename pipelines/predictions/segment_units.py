"""The elements that flow through a backfill: a segment to score, the work on it, and its outcome."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from encore.featurestore import FeatureBlock
from encore.featurestore.common import panics_as_errors
from encore.featurestore.segments import SegmentEntry
from encore.pipelines.flow import Failure, Interruption
from encore.pipelines.predictions.files import PredictionFile
from encore.pipelines.predictions.sources import Sources


@dataclass(frozen=True)
class SegmentUnit:
    """A segment and the heads that lack predictions for it.

    Attributes:
        number: ordinal over the plan.
        entry: the segment, as the snapshot lists it.
        heads: names of the heads that lack predictions, or whose listed file is to be checked.
        listed: head → listed file for the segment with its deletion vector. It is read to check that it is sound.
        candidates: head → files that no version lists, and that may be its predictions for the segment. A file is
            adopted if its contents fit.
        older: head → file with its predictions under an older deletion vector. Those of live documents are kept.
        sources: head → files of the segments that were compacted into this one. They are put together.
    """

    number: int
    entry: SegmentEntry
    heads: tuple[str, ...]
    listed: Mapping[str, PredictionFile] = field(default_factory=dict)
    candidates: Mapping[str, tuple[PredictionFile, ...]] = field(default_factory=dict)
    older: Mapping[str, PredictionFile] = field(default_factory=dict)
    sources: Sources = field(default_factory=dict)


@dataclass(frozen=True)
class SegmentOutcome:
    """The outcome of a segment.

    Attributes:
        unit: number of the unit.
        documents_in: live documents of the segment.
        scored: new predictions: documents times heads.
        carried: predictions from files under an older deletion vector, or of segments that were compacted since.
        adopted: predictions in files that an earlier run finished and did not list.
        checked: predictions in listed files that were read and are sound.
        files: the files to list.
        seconds: stage → time spent. ``read`` is the time that scoring waited. With object storage, ``write`` runs while
            other segments are scored.
        failure: why the unit failed as a whole.
    """

    unit: int
    documents_in: int
    scored: int = 0
    carried: int = 0
    adopted: int = 0
    checked: int = 0
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


@dataclass
class SegmentWork:
    """A unit between the steps of its scoring. After a failure in one step, the later steps do nothing.

    Attributes:
        unit: the segment and its heads.
        files: prediction files that exist: made before, or carried over.
        todo: heads that still have to score it.
        blocks: its documents.
        parts: head → its predictions for each block.
        finished: outcome of an earlier attempt of the same run; then nothing is left to do. None without one.
        kept: ``checked``, ``adopted`` or ``carried`` → predictions that need no scoring for that reason.
        seconds, failure: as in `SegmentOutcome`.
    """

    unit: SegmentUnit
    files: list[PredictionFile] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)
    blocks: Iterator[FeatureBlock] = field(default_factory=lambda: iter(()))
    parts: dict[str, list[pa.Table]] = field(default_factory=dict)
    finished: SegmentOutcome | None = None
    kept: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    failure: Failure | None = None

    @contextmanager
    def failing(self, stage: str) -> Iterator[None]:
        """A context in which an error becomes the failure of the unit."""
        try:
            with panics_as_errors():
                yield
        except Interruption:
            raise
        except Exception as error:  # noqa: BLE001 (becomes the unit's failure, which the job reports and exits 1 for)
            self.failure = Failure.of(stage, error)

    def spend(self, stage: str, since: float) -> float:
        """Add the seconds since ``since`` to a stage. Returns the time now."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - since
        return now

    def outcome(self) -> SegmentOutcome:
        """The outcome of the unit."""
        if self.finished is not None:
            return self.finished
        live = self.unit.entry.live
        if self.failure is not None:
            return SegmentOutcome(self.unit.number, live, failure=self.failure)
        return SegmentOutcome(
            self.unit.number,
            live,
            len(self.todo) * live,
            self.kept["carried"],
            self.kept["adopted"],
            self.kept["checked"],
            tuple(self.files),
            self.seconds,
        )
