"""Label tables: one class a document, and a clear word about what does not fit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from encore.featurestore import DataError, UsageError
from encore.heads import Labels
from encore.heads.labels.table import named
from tests.heads.building import labels_of


def table_of(ids: list[object], labels: list[object]) -> pa.Table:
    return pa.table({"doc_id": ids, "label": labels})


def read(table: pa.Table) -> Labels:
    return Labels.from_table(table, "doc_id", "label", "topics.parquet")


def test_labels_keep_the_order_of_their_table() -> None:
    labels = read(table_of(["b", "a", "c"], ["x", "y", "x"]))
    assert labels.doc_ids.to_pylist() == ["b", "a", "c"]
    assert labels.labels.to_pylist() == ["x", "y", "x"]
    assert labels.classes == ("x", "y")
    assert labels.codes(labels.classes).tolist() == [0, 1, 0]


def test_the_order_of_a_large_table_is_kept_too() -> None:
    ids = np.random.default_rng(0).permutation(300_000)
    labels = read(pa.table({"doc_id": ids, "label": ids % 2}))
    assert labels.doc_ids.equals(pa.array(ids).cast(pa.string()))


def test_integers_and_booleans_are_taken_as_their_text() -> None:
    labels = read(table_of([7, -12, 3], [True, False, True]))
    assert labels.doc_ids.to_pylist() == ["7", "-12", "3"]
    assert labels.labels.to_pylist() == ["true", "false", "true"]


def test_dictionaries_and_large_strings_are_text() -> None:
    table = pa.table(
        {"doc_id": pa.array(["a", "b"], pa.large_string()), "label": pa.array(["x", "y"]).dictionary_encode()}
    )
    assert read(table).labels.to_pylist() == ["x", "y"]


def test_labels_are_read_in_their_normal_form_and_ids_as_they_are() -> None:
    labels = read(table_of(["a", "a ", "b"], ["cafe\u0301", " caf\u00e9\u00a0", "x\t"]))
    assert labels.doc_ids.to_pylist() == ["a", "a ", "b"]
    assert labels.labels.to_pylist() == ["caf\u00e9", "caf\u00e9", "x"]
    assert labels.classes == ("caf\u00e9", "x")


def test_a_label_of_white_space_is_none_and_one_that_is_said_twice_in_two_forms_counts_once() -> None:
    labels = read(table_of(["a", "a", "b"], ["x", "x ", " \u3000"]))
    assert labels.labels.to_pylist() == ["x"]
    assert (labels.repeated, labels.blank) == (1, 1)


def test_near_twins_among_labels_are_named_in_a_warning_and_stay_classes(caplog: pytest.LogCaptureFixture) -> None:
    labels = read(table_of([*"abcdef"], ["True", "true", "01", "1", "1.0", "x"]))
    assert labels.classes == ("01", "1", "1.0", "True", "true", "x")
    assert [record.getMessage() for record in caplog.records] == [
        (
            "topics.parquet: classes that are nearly the same: 01 ~ 1 ~ 1.0, True ~ true; "
            "if they are one class, write them alike"
        )
    ]
    caplog.clear()
    read(table_of(["a", "b"], ["x", "y"]))
    assert not caplog.records


def test_integer_classes_are_in_their_own_order() -> None:
    labels = read(pa.table({"doc_id": range(12), "label": range(1, 13)}))
    assert labels.classes == tuple(map(str, range(1, 13)))
    assert labels.codes(labels.classes).tolist() == list(range(12))


def test_a_row_said_twice_counts_once() -> None:
    labels = read(table_of(["a", "b", "a", "a"], ["x", "y", "x", "x"]))
    assert labels.doc_ids.to_pylist() == ["a", "b"]
    assert labels.repeated == 2


def test_rows_without_id_or_label_are_left_out_and_counted() -> None:
    labels = read(table_of(["a", None, "c", "", "e"], ["x", "y", None, "y", ""]))
    assert labels.doc_ids.to_pylist() == ["a"]
    assert labels.blank == 4
    assert labels.repeated == 0


def test_a_column_of_nulls_has_no_labels() -> None:
    assert len(read(table_of(["a", "b"], [None, None]))) == 0


def test_contradicting_labels_are_an_error_that_counts_and_names_them() -> None:
    ids = ["a", "b", "a", *"cdefgh", *"cdefgh"]
    labels = ["x", "x", "y", *"xxxxxx", *"yyyyyy"]
    message = r"topics\.parquet: 7 documents with more than one label \(a, c, d, e, f and 2 more; a is x and y\)"
    with pytest.raises(DataError, match=message):
        read(table_of(ids, labels))


def test_a_missing_column_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"topics\.parquet: no column class; columns there: doc_id, label"):
        Labels.from_table(table_of(["a"], ["x"]), "doc_id", "class", "topics.parquet")


def test_a_column_that_is_there_twice_is_refused() -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["x"]), pa.array(["y"])], ["doc_id", "label", "label"])
    with pytest.raises(UsageError, match="more than one column label"):
        read(table)


def test_numbers_with_fractions_are_no_labels() -> None:
    with pytest.raises(UsageError, match="column label holds double; expected text or integers; cast whole numbers"):
        read(table_of(["a"], [0.5]))


def test_labels_part_into_stored_and_not_stored() -> None:
    labels = labels_of({"a": "x", "b": "y", "c": "x"})
    stored, missing = labels.partition(np.array([True, False, True]))
    assert stored.doc_ids.to_pylist() == ["a", "c"]
    assert stored.labels.to_pylist() == ["x", "x"]
    assert missing.doc_ids.to_pylist() == ["b"]


def test_codes_of_a_class_that_is_not_listed_are_an_error() -> None:
    with pytest.raises(DataError, match=r"labels\.csv: classes z are not among x, y"):
        labels_of({"a": "x", "b": "z"}).codes(("x", "y"))


def test_a_class_that_is_not_listed_is_told_what_it_nearly_is() -> None:
    with pytest.raises(DataError, match=r"classes X are not among x, y \(written otherwise: X ~ x\)"):
        labels_of({"a": "x", "b": "X"}).codes(("x", "y"))


def test_codes_are_found_whatever_the_form_of_the_classes() -> None:
    assert labels_of({"a": "caf\u00e9", "b": "x"}).codes((" x", "cafe\u0301 ")).tolist() == [1, 0]


def test_documents_are_counted_by_class() -> None:
    assert labels_of({"a": "x", "b": "z", "c": "x"}).counts(("x", "y", "z")).tolist() == [2, 0, 1]


def test_names_are_cut_for_a_message() -> None:
    assert named(pa.array(["a", "b"])) == "a, b"
    assert named(pa.array([str(number) for number in range(2005)])) == "0, 1, 2, 3, 4 and 2,000 more"
