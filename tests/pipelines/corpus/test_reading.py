from __future__ import annotations

from encore.pipelines.corpus import CorpusColumns, plan
from tests.pipelines.corpus.corpora import corpus_file, read_unit, write_lines


def test_documents_and_dead_letters_share_the_rows_of_a_unit(tmp_path):
    good = [{"doc_id": key, "text": "x"} for key in "abcd"]
    lines = [
        b"",
        good[0],
        b"{",
        {"doc_id": "e", "text": ""},
        good[1],
        good[0],
        good[2],
        {"doc_id": "f", "text": 1},
        good[3],
    ]
    (unit,) = plan([corpus_file(write_lines(tmp_path / "x.jsonl", *lines))], CorpusColumns()).units
    read = read_unit(unit, CorpusColumns())
    assert read.documents.table["doc_id"].to_pylist() == ["a", "b", "c", "d"]
    assert read.rows.tolist() == [1, 4, 6, 8]
    assert [letter.row for letter in read.dead] == [2, 3, 5, 7]


def test_a_unit_without_dead_letters_gives_every_row(tmp_path):
    path = write_lines(tmp_path / "x.jsonl", *({"doc_id": i, "text": "x"} for i in range(5)))
    units = plan([corpus_file(path)], CorpusColumns(), 2).units
    assert [read_unit(unit, CorpusColumns()).rows.tolist() for unit in units] == [[0, 1], [2, 3], [4]]
