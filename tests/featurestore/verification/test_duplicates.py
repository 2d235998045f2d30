"""Documents as intervals of snapshots: two of one id that overlap are found, however they are spread over files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encore.featurestore.verification.duplicates import LIFE, LifeFiles, lives_of_segment

SNAPSHOTS = 5
SegmentSpans = list[frozenset[int] | None]
"""For each snapshot: the deleted positions under which a segment is listed, or None where it is not."""

DOCUMENTS = st.lists(st.integers(0, 3), min_size=1, max_size=4)
"""Keys of a segment's documents."""


@st.composite
def segments(draw: st.DrawFn) -> tuple[list[int], SegmentSpans]:
    keys = draw(DOCUMENTS)
    deleted = st.none() | st.frozensets(st.integers(0, len(keys) - 1))
    return keys, draw(st.lists(deleted, min_size=SNAPSHOTS, max_size=SNAPSHOTS))


def spans_of(listing: SegmentSpans) -> list[tuple[int, int, np.ndarray]]:
    """Neighbouring snapshots that list a segment alike."""
    spans: list[tuple[int, int, np.ndarray]] = []
    for at, deleted in enumerate(listing):
        if deleted is None:
            continue
        if at and listing[at - 1] == deleted:
            first, _, positions = spans.pop()
            spans.append((first, at + 1, positions))
        else:
            spans.append((at, at + 1, np.array(sorted(deleted), np.int64)))
    return spans


def key_words(keys: list[int]) -> np.ndarray:
    """(n, 2): keys that fall into different files and differ in either half."""
    return np.array([(key // 2 << 63, key % 2) for key in keys], np.uint64).reshape(-1, 2)


def twice(found: list[tuple[list[int], SegmentSpans]], snapshot: int) -> set[int]:
    """Keys that live more than once in a snapshot, by counting."""
    counts = Counter(
        key
        for keys, listing in found
        if (deleted := listing[snapshot]) is not None
        for at, key in enumerate(keys)
        if at not in deleted
    )
    return {key for key, count in counts.items() if count > 1}


@pytest.mark.parametrize("documents_a_file", [1, 1 << 22])
@given(found=st.lists(segments(), max_size=5))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_overlaps_is_what_a_count_finds(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    documents_a_file: int,
    found: list[tuple[list[int], SegmentSpans]],
) -> None:
    monkeypatch.setattr("encore.featurestore.verification.duplicates.PARTITION_DOCUMENTS", documents_a_file)
    lives = LifeFiles(str(tmp_path_factory.mktemp("lives")), sum(len(keys) for keys, _ in found))
    for ordinal, (keys, listing) in enumerate(found):
        for part in lives_of_segment(ordinal, key_words(keys), spans_of(listing)):
            lives.add(part)
    duplicates = list(lives.duplicates())
    assert {found[d.first[0]][0][d.first[1]] for d in duplicates} == {
        key for snapshot in range(SNAPSHOTS) for key in twice(found, snapshot)
    }
    for duplicate in duplicates:
        one, other = (found[ordinal][0][at] for ordinal, at in (duplicate.first, duplicate.second))
        assert one == other
        assert duplicate.first != duplicate.second
        assert one in twice(found, duplicate.snapshot)


def test_a_document_lives_until_it_is_deleted_or_its_segment_leaves() -> None:
    nothing = np.empty(0, np.int64)
    spans = [(1, 3, nothing), (3, 4, np.array([1])), (7, 9, nothing)]
    lives = np.concatenate(list(lives_of_segment(4, key_words([0, 1]), spans)))
    assert sorted(lives[["document", "born", "died", "segment"]].tolist()) == [
        (0, 1, 4, 4),
        (0, 7, 9, 4),
        (1, 1, 3, 4),
        (1, 7, 9, 4),
    ]


def test_keys_are_spread_over_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encore.featurestore.verification.duplicates.PARTITION_DOCUMENTS", 100)
    keys = np.random.default_rng(0).integers(0, 2**64, (1000, 2), np.uint64)
    lives = LifeFiles(str(tmp_path), 1000)
    (part,) = (part for part in lives_of_segment(0, keys, [(0, 1, np.empty(0, np.int64))]) if len(part))
    lives.add(part)
    sizes = [path.stat().st_size // LIFE.itemsize for path in tmp_path.iterdir()]
    assert len(sizes) == 16
    assert sum(sizes) == 1000
    assert max(sizes) < 150
    assert list(lives.duplicates()) == []
    lives.add(part[:1])
    (duplicate,) = lives.duplicates()
    assert duplicate.first == duplicate.second == (0, 0)
