"""How much of a file is read: each stretch once a job, whatever the size of units."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import replace

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import from_url

from encore.featurestore.errors import UnreadableFile
from encore.pipelines.corpus import (
    CorpusColumns,
    group_by_split,
    plan,
    read_sample,
    read_units,
    sample_units,
    smallest_keys,
)
from encore.tablefiles import files, find_table_files
from encore.tablefiles.columnar import arrow_files, batches
from tests.pipelines.corpus.corpora import corpus_file, write_parquet
from tests.tablefiles.columnar.arrow_tables import write_arrow

COLUMNS = CorpusColumns()
WORDS = [f"{number:x}" * 3 for number in random.Random(1).choices(range(1 << 30), k=4000)]


def rows(count):
    shuffled = random.Random(2)
    return [{"doc_id": f"d{i}", "text": " ".join(shuffled.choices(WORDS, k=60))} for i in range(count)]


@pytest.fixture
def requests(monkeypatch):
    """First and last byte of each read from object storage."""
    ranges = []
    get = files.obstore.get_range

    def counting(store, name, *, start, length):
        ranges.append((start, start + length))
        return get(store, name, start=start, length=length)

    monkeypatch.setattr(files.obstore, "get_range", counting)
    return ranges


def total(ranges):
    return sum(stop - start for start, stop in ranges)


@pytest.mark.parametrize("options", [{}, {"row_group_size": 500}, {"use_dictionary": False}], ids=str)
def test_units_of_a_row_group_on_object_storage_read_it_once(s3_bucket, tmp_path, requests, options):
    path = write_parquet(tmp_path / "a.parquet", rows(2400), **options)
    obstore.put(from_url(s3_bucket), "a.parquet", path.read_bytes())
    (file,) = find_table_files([f"{s3_bucket}/a.parquet"])
    planned = plan([file], COLUMNS, 100)
    ids, texts = (sum(group["columns"][at]["total_compressed_size"] for group in _described(path)) for at in range(2))
    footer = 64 << 10
    assert ids <= total(requests) <= 1.1 * ids + 3 * footer < texts
    requests.clear()
    groups = group_by_split(planned.units)
    assert len(planned.units) >= 24
    assert sum(len(read.documents) for group in groups for read in read_units(group, COLUMNS)) == 2400
    assert ids + texts <= total(requests) <= 1.1 * (ids + texts)
    requests.clear()
    read_sample(sample_units(planned, smallest_keys(planned, 200)), COLUMNS)
    assert total(requests) <= 1.1 * (ids + texts)


def _described(path):
    return pq.read_metadata(path).to_dict()["row_groups"]


def test_a_footer_is_read_once_for_all_units(s3_bucket, tmp_path, requests):
    path = write_parquet(tmp_path / "a.parquet", rows(300), row_group_size=10)
    obstore.put(from_url(s3_bucket), "a.parquet", path.read_bytes())
    planned = plan(find_table_files([f"{s3_bucket}/a.parquet"]), COLUMNS, 10)
    requests.clear()
    for group in group_by_split(planned.units):
        list(read_units(group, COLUMNS))
    assert len(planned.units) == 30
    assert max(stop for _, stop in requests) <= path.stat().st_size - 8 - pq.read_metadata(path).serialized_size


def test_a_compressed_file_in_object_storage_is_read_in_large_pieces(s3_bucket, requests):
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in rows(2400)).encode())
    assert len(packed) > 6 << 16
    obstore.put(from_url(s3_bucket), "a.jsonl.gz", packed)
    planned = plan(find_table_files([f"{s3_bucket}/a.jsonl.gz"]), COLUMNS, 100)
    requests.clear()
    (group,) = group_by_split(planned.units)
    assert sum(len(read.documents) for read in read_units(group, COLUMNS)) == 2400
    # Its first bytes, which tell the layout; then the file, in one piece, and its end.
    assert len(requests) <= 4


def test_record_batches_are_counted_once_for_all_units(tmp_path, monkeypatch):
    table = pa.table({"doc_id": [str(i) for i in range(300)], "text": ["t"] * 300})
    file = corpus_file(write_arrow(tmp_path / "a.arrow", table, rows=10))
    planned = plan([file], COLUMNS, 10)
    opened = []
    original = arrow_files.open_input
    monkeypatch.setattr(arrow_files, "open_input", lambda file: opened.append(file) or original(file))
    groups = group_by_split(planned.units)
    assert sum(len(read.documents) for group in groups for read in read_units(group, COLUMNS)) == 300
    assert len(opened) == len(groups) == 30


def test_units_are_grouped_by_what_they_share_and_parted_further_where_more_are_wanted(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", rows(40), row_group_size=20)
    units = plan([corpus_file(path)], COLUMNS, 5).units
    assert [[unit.number for unit in group] for group in group_by_split(units)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [len(group) for group in group_by_split(units, 4)] == [2, 2, 2, 2]
    assert [len(group) for group in group_by_split(units, 100)] == [1] * 8
    assert group_by_split([], 3) == []
    assert [[unit.number for unit in group] for group in group_by_split(units[1:6:2])] == [[1, 3], [5]]


def test_some_units_of_a_split_are_read_without_the_others(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", rows(90), row_group_size=30)
    units = plan([corpus_file(path)], COLUMNS, 10).units
    for chosen in ([0, 2], [1], [2, 3, 8], [4, 7]):
        reads = list(read_units([units[number] for number in chosen], COLUMNS))
        assert [read.rows.tolist() for read in reads] == [list(range(10 * n, 10 * n + 10)) for n in chosen]


def test_a_unit_is_handed_on_before_the_next_is_read(tmp_path, monkeypatch):
    path = write_parquet(tmp_path / "a.parquet", rows(40), use_dictionary=False)
    units = plan([corpus_file(path)], COLUMNS, 10).units
    asked = []
    original = batches.as_rows
    monkeypatch.setattr(batches, "as_rows", lambda *given: asked.append(given[1]) or original(*given))
    seen = [max(asked) // 10 for _ in read_units(units, COLUMNS)]
    assert seen == [0, 1, 2, 3]


def test_a_file_that_lost_rows_since_the_plan_says_so(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", rows(40), row_group_size=10)
    units = plan([corpus_file(path)], COLUMNS, 10).units
    with pytest.raises(UnreadableFile, match="damaged: it ends before row 40"):
        list(read_units([replace(units[-1], start=30, stop=50)], COLUMNS))
    assert np.array_equal(next(read_units(units[3:], COLUMNS)).rows, np.arange(30, 40))
