from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest

from encore.featurestore.documents.ids import key_hashes
from encore.featurestore.documents.keys import words
from encore.pipelines.corpus import CorpusColumns, order_by_key, plan
from encore.pipelines.corpus.sample import read_sample, read_sample_units, sample_units, smallest_keys
from encore.tablefiles import find_table_files
from tests.pipelines.corpus.corpora import write_lines, write_parquet

COLUMNS = CorpusColumns()
ROWS = [{"doc_id": f"d{number}", "text": f"text {number}"} for number in range(200)]
BY_KEY = sorted(ROWS, key=lambda row: key_hashes(pa.array([row["doc_id"]]))[0].as_py())


@pytest.fixture
def corpus(tmp_path):
    write_parquet(tmp_path / "a.parquet", [*ROWS[:90], {"doc_id": None, "text": "no id"}])
    write_lines(tmp_path / "b.jsonl", *ROWS[50:150], b"{", b"")
    (tmp_path / "c.csv").write_text("doc_id,text\n" + "".join("{doc_id},{text}\n".format(**row) for row in ROWS[150:]))
    return find_table_files([str(tmp_path)])


@pytest.mark.parametrize("size", [0, 1, 2, 17, 199, 200, 1000])
def test_the_sample_is_the_smallest_key_hashes_in_order(corpus, size):
    keys = smallest_keys(plan(corpus, COLUMNS), size)
    expected = words(key_hashes(pa.array([row["doc_id"] for row in BY_KEY[:size]], pa.string())))
    assert np.array_equal(keys, expected)


@pytest.mark.parametrize("unit_rows", [1, 7, 64, None])
def test_the_sample_reads_alike_for_every_size_of_unit(corpus, unit_rows):
    planned = plan(corpus, COLUMNS, unit_rows)
    block = read_sample(sample_units(planned, smallest_keys(planned, 23)), COLUMNS)
    assert block.table.select(["doc_id", "text"]).to_pylist() == BY_KEY[:23]


def test_only_units_that_hold_a_sampled_document_are_read(corpus):
    planned = plan(corpus, COLUMNS, 10)
    samples = sample_units(planned, smallest_keys(planned, 3))
    assert 1 <= len(samples) <= 3
    assert [len(block) for block in read_sample_units(samples, COLUMNS)] == [
        len(sample.keys) // 16 for sample in samples
    ]
    assert pickle.loads(pickle.dumps(samples)) == samples


def test_a_sampled_document_with_invalid_text_is_left_out(tmp_path):
    write_lines(tmp_path / "a.jsonl", *({**row, "text": ""} if row == BY_KEY[1] else row for row in ROWS))
    planned = plan(find_table_files([str(tmp_path)]), COLUMNS)
    block = read_sample(sample_units(planned, smallest_keys(planned, 3)), COLUMNS)
    assert block.table["doc_id"].to_pylist() == [BY_KEY[0]["doc_id"], BY_KEY[2]["doc_id"]]


def test_an_empty_sample_has_no_units(corpus):
    planned = plan(corpus, COLUMNS)
    assert sample_units(planned, smallest_keys(planned, 0)) == ()


def test_blocks_in_any_order_come_out_in_the_order_of_their_keys(corpus):
    planned = plan(corpus, COLUMNS, 5)
    samples = sample_units(planned, smallest_keys(planned, 40))
    blocks = list(read_sample_units(samples, COLUMNS))
    assert order_by_key(blocks).table.equals(order_by_key(blocks[::-1]).table)
