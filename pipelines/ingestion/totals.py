"""Sums over the outcomes of a job's work units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from encore.featurestore.format import read_parquet
from encore.featurestore.segments import SegmentEntry
from encore.pipelines.flow import Failure, UnitOutcome
from encore.pipelines.runs import RunFolder, seconds_by_stage, sums


@dataclass(frozen=True)
class Totals:
    """The outcomes of all units.

    Attributes:
        planned: units of the plan.
        outcomes: unit → outcome, of the finished units.
        failures: unit → why it failed as a whole. Units that the runner lost are among them.
    """

    planned: int
    outcomes: Sequence[UnitOutcome]
    failures: Mapping[int, Failure]

    @property
    def entries(self) -> list[SegmentEntry]:
        """Segments to list, in the plan's order."""
        return [outcome.entry for outcome in self.outcomes if outcome.entry is not None]

    @property
    def refreshed(self) -> list[SegmentEntry]:
        """Segments of documents with new kept columns, in the plan's order."""
        return [outcome.refreshed_entry for outcome in self.outcomes if outcome.refreshed_entry is not None]

    @property
    def superseded(self) -> dict[str, npt.NDArray[np.int64]]:
        """Segment of the base snapshot → positions of documents whose text has changed."""
        positions: dict[str, list[int]] = {}
        for outcome in self.outcomes:
            for segment, here in outcome.superseded.items():
                positions.setdefault(segment, []).extend(here)
        return {segment: np.unique(np.array(here, np.int64)) for segment, here in positions.items()}

    def to_dict(self) -> dict[str, Any]:
        """The entries that the reports of encode and derive share."""
        tokens, padded = sums(self.outcomes, "tokens", "padded_tokens").values()
        made = [o.entry for o in self.outcomes if o.entry is not None and o.encoded]
        payload, stored = sum(e.payload_bytes for e in made), sum(e.stored_bytes for e in made)
        return {
            "units": {"planned": self.planned, "failed": len(self.failures)},
            "documents": {
                "in": sum(outcome.documents_in for outcome in self.outcomes),
                **sums(self.outcomes, "encoded", "adopted", "refreshed", "skipped", "blocked", "dead"),
                "superseded": sum(len(here) for here in self.superseded.values()),
            },
            "tokens": tokens,
            "padding_share": round(1 - tokens / padded, 4) if padded else 0.0,
            **sums(self.outcomes, "truncated", "saturated"),
            "bytes": {
                "payload": payload,
                "stored": stored,
                "stored_per_payload": round(stored / payload, 4) if payload else None,
            },
            "seconds": seconds_by_stage(self.outcomes),
            "failures": {str(unit): asdict(failure) for unit, failure in self.failures.items()},
        }


@dataclass(frozen=True)
class DeadLetterSummary:
    """Dead letters of a run by stage and kind of reason (`DeadLetter.kind`)."""

    count: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def collect(cls, run: RunFolder) -> DeadLetterSummary:
        """Count the dead letters that the units wrote."""
        reasons: Counter[str] = Counter()
        for name, data in run.dead_letter_files():
            table = read_parquet(data, name, columns=["stage", "reason"])
            kinds = pc.list_element(pc.split_pattern(table["reason"], ":", max_splits=1), 0)
            table = table.append_column("kind", kinds)
            for row in table.group_by(["stage", "kind"]).aggregate([([], "count_all")]).to_pylist():
                reasons[f"{row['stage']}: {row['kind']}"] += row["count_all"]
        return cls(sum(reasons.values()), dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))))
