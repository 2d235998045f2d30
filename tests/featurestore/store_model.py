"""What a store should hold, worked out with plain dictionaries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from encore.featurestore import Catalogue, Change

Texts = dict[str, str]


@dataclass(frozen=True)
class Version:
    """A snapshot as it should be.

    Attributes:
        texts: id → text of every document.
        hour: when it was committed.
        fence: how many blocked ids its commit knew.
        by_vacuum: whether a vacuum added it, so that it repeats the state before it.
    """

    texts: Texts
    hour: int = 0
    fence: int = 0
    by_vacuum: bool = False


@dataclass(frozen=True)
class Places:
    """Where documents lie.

    Attributes:
        texts: id → text of every document.
        segments: id → its segment.
        listed: every segment.
    """

    texts: Texts
    segments: dict[str, str]
    listed: frozenset[str]

    @classmethod
    def of(cls, store: Catalogue, texts: Texts) -> Places:
        """The places in a snapshot of these documents."""
        live = [entry for entry in store.entries if entry.live]
        segments = {i: e.segment for e in live for i in store.live_index(e, ["doc_id"])["doc_id"].to_pylist()}
        return cls(texts, segments, frozenset(store.listed))


@dataclass(frozen=True)
class Plan:
    """A job that has written its segment and not committed yet."""

    change: Change
    texts: Texts
    prune: frozenset[str]

    def applied(self, base: Places, head: Places, blocked: Collection[str]) -> Texts:
        """The documents after this plan, which was made on the base, is committed on the head."""
        after = dict(head.texts)
        for doc_id in self.prune:
            # What was pruned is the row that the job saw; one written since stays.
            if _same_row(doc_id, base, head):
                del after[doc_id]
        if any(entry.segment in head.listed for entry in self.change.added):
            return after
        for doc_id, text in self.texts.items():
            if base.texts.get(doc_id) != text and head.texts.get(doc_id) != text:
                after[doc_id] = text
                if doc_id in blocked:
                    del after[doc_id]
        return after


def _same_row(doc_id: str, base: Places, head: Places) -> bool:
    """Whether the head has the row of the base, in the same segment or in one that a compaction made of that."""
    if doc_id not in base.texts or base.texts[doc_id] != head.texts.get(doc_id):
        return False
    then, now = base.segments[doc_id], head.segments[doc_id]
    return then == now or (then not in head.listed and now not in base.listed)


def kept_by_vacuum(
    versions: Sequence[Version], there: Collection[int], tagged: Collection[int], newest: int, since: int
) -> set[int]:
    """Numbers of the snapshots that a vacuum keeps of those that are there.

    These are the newest states, tagged ones, and all from the first that was still the newest after the hour ``since``.
    An earlier vacuum removed what followed a snapshot before a gap, so that this snapshot counts by its own hour.
    """
    numbers = sorted(set(there) - {0})
    states = [number for number in numbers if number + 1 not in numbers or not versions[number + 1].by_vacuum]
    last = numbers if len(states) < newest else [number for number in numbers if number >= states[-newest]]
    recent = [a for a, b in pairwise(numbers) if versions[a if b > a + 1 else b].hour > since]
    return {number for number in numbers if number >= min(last + recent)} | set(tagged)
