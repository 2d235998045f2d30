"""Real text in every format; skipped where the data are missing."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest

from encore.pipelines.corpus import CorpusColumns, plan, read_sample, sample_units, smallest_keys
from encore.tablefiles import find_table_files
from tests.pipelines.corpus.corpora import DATA, corpus_file, read_all

pytestmark = pytest.mark.skipif(not (DATA / "corpus").is_dir(), reason="needs the real corpora: set ENCORE_DATA")


@pytest.fixture(scope="module")
def news(tmp_path_factory):
    """5,000 real documents as Parquet, JSON Lines and CSV, each in a folder of its own."""
    folder = tmp_path_factory.mktemp("news")
    table = pq.read_table(DATA / "corpus" / "news.parquet").slice(0, 5_000)
    rows = table.to_pylist()
    pq.write_table(table, folder / "news.parquet", row_group_size=1_700)
    (folder / "news.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with (folder / "news.csv").open("w", newline="") as sink:
        writer = csv.DictWriter(sink, ["doc_id", "text"])
        writer.writeheader()
        writer.writerows(rows)
    return folder, rows


@pytest.mark.parametrize("name", ["news.parquet", "news.jsonl", "news.csv"])
def test_every_document_is_read_as_it_is(news, name):
    folder, rows = news
    documents, letters = read_all(folder / name)
    assert [{"doc_id": row["doc_id"], "text": row["text"]} for row in documents] == rows
    assert not letters


def test_the_sample_is_the_same_in_every_format(news):
    folder, _ = news
    samples = []
    for name in ("news.parquet", "news.jsonl", "news.csv"):
        planned = plan([corpus_file(folder / name)], CorpusColumns())
        samples.append(read_sample(sample_units(planned, smallest_keys(planned, 50)), CorpusColumns()).table)
    assert samples[0].num_rows == 50
    assert samples[0].equals(samples[1])
    assert samples[0].equals(samples[2])


def test_the_task_files_of_pairs_and_single_texts_are_read_without_dead_letters():
    columns = CorpusColumns(pair="text_pair", keep=("label",))
    for task, pairs in {"mrpc": True, "sst2": False}.items():
        documents, letters = read_all(DATA / "tasks" / task / "dev.parquet", columns=columns)
        assert not letters
        assert all((document["pair"] is not None) == pairs and document["label"] for document in documents)


def test_all_task_files_at_once_make_one_corpus():
    planned = plan(find_table_files([f"{DATA}/tasks/*/dev.parquet"]), CorpusColumns())
    rows = sum(pq.read_metadata(path).num_rows for path in DATA.glob("tasks/*/dev.parquet"))
    assert planned.documents == sum(unit.rows for unit in planned.units) == rows
    assert planned.duplicates == 0
