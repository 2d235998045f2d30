from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from encore.featurestore.documents.ids import key_hashes
from encore.featurestore.documents.keys import words
from encore.featurestore.errors import DataError, UsageError
from encore.pipelines.corpus import CorpusColumns, plan
from encore.pipelines.corpus.cutting import DocumentSize, choose_unit_rows
from encore.pipelines.corpus.survey import Survey, survey
from encore.tablefiles import find_table_files
from encore.tablefiles.files import TableFile
from tests.pipelines.corpus.corpora import (
    corpus_file,
    read_all,
    read_unit,
    reasons_of,
    texts_of,
    write_lines,
    write_parquet,
)

COLUMNS = CorpusColumns()


def rows(*numbers):
    return [{"doc_id": f"d{number}", "text": f"text {number}"} for number in numbers]


def made_up(count, text_bytes_each=200):
    nothing = np.empty((0, 2), np.uint64)
    return Survey(TableFile("x", "csv", 0), count, count * text_bytes_each, None, None, nothing, None)


def test_units_are_cut_by_rows_and_never_span_files(tmp_path):
    write_parquet(tmp_path / "a.parquet", rows(*range(5)))
    write_lines(tmp_path / "b.jsonl", *rows(*range(5, 8)))
    planned = plan(find_table_files([str(tmp_path)]), COLUMNS, 2)
    a, b = f"{tmp_path}/a.parquet", f"{tmp_path}/b.jsonl"
    described = [(unit.number, unit.file.uri, unit.first_row, unit.rows, unit.documents) for unit in planned.units]
    assert described == [(0, a, 0, 2, 2), (1, a, 2, 2, 2), (2, a, 4, 1, 1), (3, b, 0, 2, 2), (4, b, 2, 1, 1)]
    assert (planned.documents, planned.duplicates, planned.unit_rows) == (8, 0, 2)


def test_the_keys_of_a_plan_are_those_of_its_distinct_valid_ids_in_order(tmp_path):
    path = write_lines(
        tmp_path / "x.jsonl", *rows(3, 1), {"doc_id": "d2", "text": ""}, {"text": "x"}, *rows(1, 4), b"{"
    )
    planned = plan([corpus_file(path)], COLUMNS)
    assert np.array_equal(planned.keys, words(key_hashes(pa.array(["d3", "d1", "d2", "d4"]))))
    assert (planned.documents, planned.duplicates) == (7, 1)
    assert planned.units[0].documents == 4


def test_of_an_id_seen_twice_the_first_file_and_row_hold_it_and_the_others_say_where(tmp_path):
    write_lines(tmp_path / "b.jsonl", *rows(1, 2), b"", *rows(2, 3))
    write_parquet(tmp_path / "a.parquet", [{"doc_id": "d2", "text": "first"}, {"doc_id": None, "text": "x"}, *rows(4)])
    (tmp_path / "c.csv").write_text("doc_id,text\nd4,late\nd3,late\nd5,x\n")
    for unit_rows in (1, 2, None):
        documents, letters = read_all(tmp_path, unit_rows=unit_rows)
        assert texts_of(documents) == {"d2": "first", "d4": "text 4", "d1": "text 1", "d3": "text 3", "d5": "x"}
        a, b, c = (f"{tmp_path}/{name}" for name in ("a.parquet", "b.jsonl", "c.csv"))
        assert [(letter.file, letter.row, letter.doc_id, letter.reason) for letter in letters] == [
            (a, 1, None, "missing id"),
            (b, 1, "d2", f"duplicate id: first seen in {a} row 0"),
            (b, 3, "d2", f"duplicate id: first seen in {a} row 0"),
            (c, 0, "d4", f"duplicate id: first seen in {a} row 2"),
            (c, 1, "d3", f"duplicate id: first seen in {b} row 4"),
        ]


def test_the_first_row_holds_an_id_even_if_its_text_is_invalid(tmp_path):
    path = write_lines(tmp_path / "x.jsonl", {"doc_id": "a", "text": 5}, {"doc_id": "a", "text": "fine"})
    for unit_rows in (1, 2):
        documents, letters = read_all(path, unit_rows=unit_rows)
        assert documents == []
        assert reasons_of(letters) == [
            (0, "a", "text is a number"),
            (1, "a", f"duplicate id: first seen in {path} row 0"),
        ]


def test_an_integer_id_and_its_decimal_text_are_one_id(tmp_path):
    write_parquet(tmp_path / "a.parquet", [{"doc_id": 7, "text": "x"}])
    write_lines(
        tmp_path / "b.jsonl", {"doc_id": "7", "text": "y"}, {"doc_id": 7, "text": "z"}, {"doc_id": "07", "text": "w"}
    )
    documents, letters = read_all(tmp_path)
    assert texts_of(documents) == {"7": "x", "07": "w"}
    assert [letter.kind for letter in letters] == ["duplicate id"] * 2


def test_the_plan_does_not_depend_on_the_order_of_inputs(tmp_path):
    for name in "abc":
        write_lines(tmp_path / f"{name}.jsonl", *rows(1, 2, 3))
    names = [str(tmp_path / f"{name}.jsonl") for name in "abc"]
    first, second = (plan(find_table_files(inputs), COLUMNS, 2) for inputs in (names, names[::-1]))
    assert first.units == second.units


def test_every_file_is_looked_at_before_the_ids_of_any_are_read(tmp_path, monkeypatch):
    write_lines(tmp_path / "a.jsonl", *rows(1))
    write_lines(tmp_path / "b.jsonl", {"id": 1})
    monkeypatch.setattr("encore.pipelines.corpus.planning.survey", None)
    with pytest.raises(UsageError, match=r"b.jsonl: no column doc_id, text; columns there: id"):
        plan(find_table_files([str(tmp_path)]), COLUMNS)


def test_files_need_not_agree_about_the_type_of_a_kept_column(tmp_path):
    write_parquet(tmp_path / "a.parquet", [{"doc_id": "1", "text": "x", "year": 2020}])
    write_lines(tmp_path / "b.jsonl", {"doc_id": "2", "text": "x", "year": 2020})
    columns = CorpusColumns(keep=("year",))
    units = plan(find_table_files([str(tmp_path)]), columns).units
    assert [read_unit(unit, columns).documents.table["year"].to_pylist() for unit in units] == [[2020], ["2020"]]


def test_no_rows_make_no_units(tmp_path):
    write_lines(tmp_path / "a.jsonl", b"")
    planned = plan(find_table_files([str(tmp_path)]), COLUMNS)
    assert (planned.units, planned.documents, planned.keys.shape) == ((), 0, (0, 2))


@pytest.mark.parametrize("unit_rows", [0, -5])
def test_a_unit_has_at_least_one_row(unit_rows):
    with pytest.raises(UsageError, match=f"unit rows {unit_rows}: expected at least 1"):
        plan([], COLUMNS, unit_rows)


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        (0, 1024),
        (1, 1024),
        (47_668, 1024),
        (131_071, 1024),
        (131_072, 2048),
        (10**6, 8192),
        (4_194_304, 65_536),
        (10**9, 65_536),
    ],
)
def test_the_rows_of_a_unit_are_a_power_of_two_chosen_by_the_size_of_the_corpus(documents, expected):
    assert (
        choose_unit_rows([made_up(documents // 2), made_up(documents - documents // 2)], DocumentSize(48)) == expected
    )


@pytest.mark.parametrize(
    ("vector_bytes", "max_vectors", "text_bytes", "expected"),
    [
        (48, 256, 400, 16_384),
        (1024 * 2 * 24, 512, 4_000, 8),
        (48, 256, 10**6, 256),
        (48, 1, 400, 65_536),
        (48, 1, 100_000, 2_048),
    ],
)
def test_units_whose_features_or_texts_would_fill_the_memory_are_smaller(
    vector_bytes, max_vectors, text_bytes, expected
):
    assert choose_unit_rows([made_up(10**7, text_bytes)], DocumentSize(vector_bytes, max_vectors)) == expected


def test_a_small_file_of_long_texts_does_not_make_all_units_small():
    assert choose_unit_rows([made_up(10**7), made_up(3, 10**7)], DocumentSize(48)) == 65_536


def test_a_survey_remembers_row_numbers_only_where_there_are_gaps(tmp_path):
    tidy = survey(corpus_file(write_lines(tmp_path / "a.jsonl", *rows(1, 2))), COLUMNS)
    assert (tidy.numbers, tidy.rows_with_key, tidy.starts.tolist()) == (None, None, [0, 35])
    gaps = survey(corpus_file(write_lines(tmp_path / "b.jsonl", b"", *rows(1), b"{", *rows(2))), COLUMNS)
    assert (gaps.numbers.tolist(), gaps.rows_with_key.tolist(), gaps.count) == ([1, 2, 3], [0, 2], 3)
    trailing = survey(corpus_file(write_lines(tmp_path / "c.jsonl", *rows(1), b"{")), COLUMNS)
    assert (trailing.numbers, trailing.rows_with_key.tolist()) == (None, [0])


def test_reading_says_so_when_the_file_changed_after_the_plan(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", *rows(1, 2))
    (unit,) = plan([corpus_file(path)], COLUMNS).units
    write_lines(path, *rows(1, 2, 3))
    with pytest.raises(DataError, match="run the command again"):
        read_unit(unit, COLUMNS)
