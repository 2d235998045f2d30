"""Deletion vectors are immutable, each with a name of its own, and checked when they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encore.featurestore.errors import StoreError
from encore.featurestore.segments.deletion_vectors import live_positions, read_deletions, write_deletions
from encore.featurestore.storage.objects import Objects


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open(str(tmp_path))


@given(st.sets(st.integers(0, 2**40)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_what_was_written_is_read_and_no_two_writes_share_a_name(objects: Objects, positions: set[int]) -> None:
    vector = np.array(sorted(positions), np.int64)
    digest = write_deletions(objects, vector)
    assert write_deletions(objects, vector.copy()) != digest
    assert read_deletions(objects, digest).tolist() == vector.tolist()


def test_no_vector_deletes_nothing(objects: Objects) -> None:
    assert read_deletions(objects, None).tolist() == []


def test_what_is_not_deleted_lives() -> None:
    assert live_positions(5, np.array([0, 3])).tolist() == [1, 2, 4]
    assert live_positions(2, np.array([0, 1])).tolist() == []
    assert live_positions(0, np.empty(0, np.int64)).tolist() == []


def test_a_missing_vector_is_named(objects: Objects) -> None:
    with pytest.raises(StoreError, match=r"/deletions/abc: missing"):
        read_deletions(objects, "abc")


def test_a_vector_under_another_s_name_is_refused(objects: Objects) -> None:
    first, second = write_deletions(objects, np.array([1])), write_deletions(objects, np.array([2]))
    objects.put(f"deletions/{first}", objects.get(f"deletions/{second}"))
    with pytest.raises(StoreError, match=f"/deletions/{first}: damaged: holds other rows than its name says"):
        read_deletions(objects, first)


def test_every_flipped_byte_is_refused(objects: Objects) -> None:
    digest = write_deletions(objects, np.array([3, 5, 1000]))
    data = objects.get(f"deletions/{digest}")
    for at in range(len(data)):
        objects.put(f"deletions/{digest}", data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :])
        with pytest.raises(StoreError, match=f"/deletions/{digest}: damaged: "):
            read_deletions(objects, digest)
