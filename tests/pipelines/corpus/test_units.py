from __future__ import annotations

import pickle

import numpy as np

from encore.pipelines.corpus.units import Duplicates, WorkUnit
from encore.tablefiles.files import TableFile

FILES = ("/a.csv", "/b.csv", "/c.csv")


def duplicates(count):
    rows = np.arange(count) * 3
    return Duplicates.build(rows, rows + 10**12, np.full(count, 2), FILES)


def test_duplicates_are_found_by_row_with_the_place_of_the_first():
    found = Duplicates.build(np.array([4, 7, 9]), np.array([1, 2, 2**40]), np.array([2, 0, 2]), FILES)
    assert len(found) == 3
    assert found.find(np.array([0, 4, 5, 9, 7, 10])).tolist() == [-1, 0, -1, 2, 1, -1]
    assert [found.first(i) for i in range(3)] == [("/c.csv", 1), ("/a.csv", 2), ("/c.csv", 2**40)]
    assert found.files == ("/a.csv", "/c.csv")


def test_no_duplicates_are_found_nowhere():
    assert Duplicates().find(np.array([0, 1])).tolist() == [-1, -1]
    assert Duplicates.build(*[np.empty(0, np.int64)] * 3, FILES) == Duplicates()


def test_a_work_unit_is_small_however_it_is_sent():
    file = TableFile("/a.csv", "csv", 10)
    plain = WorkUnit(0, file, 0, 10, 0, 65_536, 65_536)
    full = WorkUnit(0, file, 0, 10, 0, 65_536, 0, duplicates(65_536))
    assert pickle.loads(pickle.dumps(full)) == full
    assert len(pickle.dumps(plain)) < 500
    assert len(pickle.dumps(full)) < 21 * 65_536
    assert hash(plain) == hash(pickle.loads(pickle.dumps(plain)))
