"""The key index, held against a dictionary."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore.documents.keys import KeyIndex, WantedKeys, words

# Few values for each half, so that keys that share their first 64 bits, or their last, are the rule.
HALVES = st.sampled_from([0, 1, 2, 2**63 - 1, 2**63, 2**64 - 1])
KEYS = st.builds(lambda high, low: high.to_bytes(8, "big") + low.to_bytes(8, "big"), HALVES, HALVES)
TEXT = st.binary(min_size=32, max_size=32)


def hashes(keys: list[bytes]) -> pa.Array:
    return pa.array(keys, pa.binary(16))


def part_of(documents: dict[bytes, bytes], ordinal: int) -> KeyIndex:
    index = pa.table({"key_hash": hashes(list(documents)), "text_digest": pa.array(documents.values(), pa.binary(32))})
    return KeyIndex.of_segment(index, ordinal)


@st.composite
def segments(draw: st.DrawFn) -> list[dict[bytes, bytes]]:
    """Documents (key → text digest) of some segments; a key lives once."""
    keys = draw(st.lists(KEYS, unique=True, max_size=20))
    cuts = sorted(draw(st.lists(st.integers(0, len(keys)), max_size=3)))
    ends = zip([0, *cuts], [*cuts, len(keys)], strict=True)
    return [{key: draw(TEXT) for key in keys[start:stop]} for start, stop in ends]


@given(segments(), st.lists(KEYS, max_size=30))
def test_find_gives_the_place_of_each_key_and_minus_one_for_others(
    parts: list[dict[bytes, bytes]], wanted: list[bytes]
) -> None:
    index = KeyIndex.build([part_of(part, i) for i, part in enumerate(parts)])
    places = {key: (i, j) for i, part in enumerate(parts) for j, key in enumerate(part)}
    found = index.find(hashes(wanted))
    assert len(index) == len(places)
    for key, at in zip(wanted, found, strict=True):
        assert (at >= 0) == (key in places)
        assert at < 0 or (index.segment[at], index.document[at]) == places[key]


@given(segments(), st.lists(st.tuples(KEYS, TEXT), max_size=20))
def test_the_same_text_is_there_when_its_digest_begins_alike(
    parts: list[dict[bytes, bytes]], others: list[tuple[bytes, bytes]]
) -> None:
    index = KeyIndex.build([part_of(part, i) for i, part in enumerate(parts)])
    stored = {key: text for part in parts for key, text in part.items()}
    asked = [*stored.items(), *others]
    found = index.find(hashes([key for key, _ in asked]))
    same = index.same_text(found, pa.array([text for _, text in asked], pa.binary(32)))
    assert same.tolist() == [key in stored and stored[key][:8] == text[:8] for key, text in asked]


@given(segments(), st.lists(KEYS, max_size=20))
def test_not_among_gives_the_places_of_all_other_keys(parts: list[dict[bytes, bytes]], others: list[bytes]) -> None:
    index = KeyIndex.build([part_of(part, i) for i, part in enumerate(parts)])
    left = index.not_among(words(hashes(others)))
    kept = {(i, j) for i, j in zip(index.segment[left], index.document[left], strict=True)}
    assert kept == {(i, j) for i, part in enumerate(parts) for j, key in enumerate(part) if key not in others}


@given(segments(), st.data())
def test_by_segment_groups_and_sorts_positions(parts: list[dict[bytes, bytes]], data: st.DataObject) -> None:
    index = KeyIndex.build([part_of(part, i) for i, part in enumerate(parts)])
    chosen = data.draw(st.lists(st.integers(0, len(index) - 1), unique=True) if len(index) else st.just([]))
    grouped: dict[int, list[int]] = {}
    for at in chosen:
        grouped.setdefault(int(index.segment[at]), []).append(int(index.document[at]))
    found = index.by_segment(np.array(chosen, np.int64))
    assert {i: here.tolist() for i, here in found.items()} == {i: sorted(here) for i, here in grouped.items()}


@given(segments())
def test_the_index_is_sorted_by_key(parts: list[dict[bytes, bytes]]) -> None:
    index = KeyIndex.build([part_of(part, i) for i, part in enumerate(parts)])
    stored = sorted(key for part in parts for key in part)
    assert [
        int(h).to_bytes(8, "big") + int(w).to_bytes(8, "big") for h, w in zip(index.high, index.low, strict=True)
    ] == stored


@given(st.lists(KEYS, unique=True, max_size=20), st.lists(KEYS, max_size=30), st.data())
def test_wanted_keys_are_found_in_a_segment_where_they_live(
    stored: list[bytes], wanted: list[bytes], data: st.DataObject
) -> None:
    deleted = data.draw(st.lists(st.sampled_from(range(len(stored))), unique=True)) if stored else []
    found = WantedKeys.of(words(hashes(wanted))).documents(hashes(stored), np.array(sorted(deleted), np.int64))
    places = {key: place for place, key in enumerate(stored) if place not in deleted}
    assert found.tolist() == [places.get(key, -1) for key in wanted]


def test_keys_that_begin_alike_are_told_apart() -> None:
    """Only the first two bytes are looked up at first; the rest decides."""
    stored = [bytes(2) + bytes([i]) * 14 for i in range(50)]
    wanted = [stored[7], bytes(2) + b"?" * 14, stored[7], stored[49]]
    found = WantedKeys.of(words(hashes(wanted))).documents(hashes(stored), np.array([49]))
    assert found.tolist() == [7, -1, 7, -1]


def test_an_empty_index_finds_nothing() -> None:
    for empty in (KeyIndex.build([]), KeyIndex.build([part_of({}, 0)])):
        found = empty.find(hashes([b"x" * 16, b"y" * 16]))
        assert found.tolist() == [-1, -1]
        assert empty.same_text(found, pa.array([b"x" * 32] * 2, pa.binary(32))).tolist() == [False, False]
        assert empty.not_among(words(hashes([b"x" * 16]))).tolist() == []
        assert empty.by_segment(np.empty(0, np.int64)) == {}
        assert empty.find(hashes([])).tolist() == []


def test_deleted_documents_are_left_out() -> None:
    documents = {bytes([i]) * 16: bytes(32) for i in range(5)}
    index = pa.table({"key_hash": hashes(list(documents)), "text_digest": pa.array(documents.values(), pa.binary(32))})
    live = KeyIndex.build([KeyIndex.of_segment(index, 0, np.array([1, 3]))])
    assert live.document.tolist() == [1, 3]
    assert live.find(hashes(list(documents))).tolist() == [-1, 0, -1, 1, -1]


@pytest.mark.parametrize("start", [0, 1, 3])
def test_words_read_big_endian_through_slices_and_chunks(start: int) -> None:
    keys = [bytes(range(i, i + 16)) for i in range(4)]
    whole = pa.array(keys, pa.binary(16))
    want = [[int.from_bytes(k[:8], "big"), int.from_bytes(k[8:], "big")] for k in keys[start:]]
    assert words(whole.slice(start)).tolist() == want
    assert words(pa.chunked_array([whole.slice(start, 1), whole.slice(0, 0), whole.slice(start + 1)])).tolist() == want
    assert words(pa.chunked_array([], pa.binary(16))).shape == (0, 2)
