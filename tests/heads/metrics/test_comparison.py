"""Predictions beside labels, joined by id."""

from __future__ import annotations

import pyarrow as pa
import pytest

from encore.featurestore import DataError
from encore.heads import Evaluation, Labels, evaluate_predictions
from encore.heads.labels.training_ids import TrainingIds
from tests.heads.building import labels_of


def compared(labels: dict[str, str], predicted: dict[str, str], classes: tuple[str, ...] | None = None) -> Evaluation:
    return evaluate_predictions(
        labels_of(labels), pa.array(list(predicted)), pa.array(list(predicted.values())), classes=classes
    )


def test_predictions_are_joined_by_id() -> None:
    evaluation = compared({"a": "x", "b": "y", "c": "x", "gone": "y"}, {"c": "x", "b": "x", "new": "y", "a": "x"})
    assert evaluation.classes == ("x", "y")
    assert evaluation.confusion.to_rows() == [[2, 0], [1, 0]]
    assert evaluation.accuracy == pytest.approx(2 / 3)
    assert evaluation.macro_f1 == pytest.approx((4 / 5 + 0) / 2)
    assert evaluation.mcc == 0.0
    assert evaluation.majority == pytest.approx(2 / 3)
    assert (evaluation.documents, evaluation.missing, evaluation.unlabelled) == (3, 1, 1)
    low, high = evaluation.accuracy_interval
    assert low < 2 / 3 < high


def test_chunks_dictionaries_and_strange_classes_are_taken() -> None:
    labels = labels_of({"a": "x", "b": "y"})
    ids = pa.chunked_array([["b"], ["a"]])
    predicted = pa.chunked_array([pa.array(["z"]).dictionary_encode(), pa.array(["x"]).dictionary_encode()])
    evaluation = evaluate_predictions(labels, ids, predicted)
    assert evaluation.classes == ("x", "y", "z")
    assert evaluation.confusion.to_rows() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_integer_ids_meet_their_decimal_text() -> None:
    evaluation = evaluate_predictions(labels_of({"7": "x", "8": "y"}), pa.array([8, 7]), pa.array(["y", "x"]))
    assert evaluation.accuracy == 1.0


def test_integer_classes_are_listed_by_size() -> None:
    labels = {str(number): str(number) for number in range(1, 13)}
    evaluation = compared(labels, labels, tuple(sorted(labels)))
    assert evaluation.classes == tuple(map(str, range(1, 13)))


def test_no_common_document_is_an_error_that_shows_both_sides() -> None:
    with pytest.raises(DataError, match=r"none of its 2 labelled documents .*labelled: a, b; predicted: c\)"):
        compared({"a": "x", "b": "y"}, {"c": "x"})


def test_white_space_around_ids_is_part_of_them_and_is_told_of_where_none_is_found() -> None:
    with pytest.raises(DataError, match=r"right label file\? .*; white space around an id is part of it"):
        compared({"a ": "x", "b ": "y"}, {"a": "x", "b": "y"})


def test_a_document_predicted_twice_is_an_error() -> None:
    with pytest.raises(DataError, match=r"1 document more than once \(a\)"):
        evaluate_predictions(labels_of({"a": "x"}), pa.array(["a", "a"]), pa.array(["x", "y"]))


@pytest.mark.parametrize("classes", [None, ("false", "true")])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            ("True", "False"),
            r"of its classes, False, True, is one .*head's, false, true \(written .*: False ~ false, True ~ t",
        ),
        (("spam", "ham"), r"labels\.csv: none of its classes, ham, spam, is one of the head's, false, true; write"),
    ],
)
def test_labels_of_which_none_is_a_class_of_the_head_are_an_error(
    labels: tuple[str, str], message: str, classes: tuple[str, ...] | None
) -> None:
    with pytest.raises(DataError, match=message):
        compared(dict(zip("ab", labels, strict=True)), {"a": "true", "b": "false"}, classes)


def test_some_labels_that_are_no_class_of_the_head_are_an_error_that_counts_and_names_them() -> None:
    labels = {"a": "x", "b": "Y", "c": "Y", "d": "other", "not predicted": "w"}
    message = (
        r"labels\.csv: 3 of 4 documents .* no class of the head: Y, other \(written otherwise: Y ~ y\); write them"
    )
    with pytest.raises(DataError, match=message):
        compared(labels, dict.fromkeys("abcd", "x"), ("x", "y"))


def test_labels_may_lack_classes_of_the_head_and_the_head_may_answer_them() -> None:
    evaluation = compared({"a": "x", "b": "y"}, {"a": "x", "b": "z"}, ("x", "y", "z", "never"))
    assert evaluation.classes == ("x", "y", "z")


def test_a_head_whose_classes_are_not_in_normal_form_is_measured_by_normal_form(
    caplog: pytest.LogCaptureFixture,
) -> None:
    evaluation = compared({"a": "caf\u00e9", "b": "no"}, {"a": "cafe\u0301 ", "b": " no"}, ("cafe\u0301 ", " no"))
    assert evaluation.accuracy == 1.0
    assert evaluation.classes == ("caf\u00e9", "no")
    assert not caplog.records


def test_classes_of_a_head_that_are_one_in_normal_form_count_as_one_and_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    evaluation = compared({"1": "a", "2": "b"}, {"1": "a ", "2": "b"}, ("a", "a ", "b"))
    assert evaluation.accuracy == 1.0
    assert "classes with the same normal form, a; they count as one" in caplog.text


def test_near_twins_among_the_classes_of_a_head_are_named_where_one_is_measured(
    caplog: pytest.LogCaptureFixture,
) -> None:
    compared({"1": "a", "2": "b"}, {"1": "A", "2": "b"}, ("A", "a", "b", "C", "c"))
    assert [record.getMessage() for record in caplog.records] == [
        "labels.csv: classes that are nearly those of the head: a ~ A; if they are one class, write them alike"
    ]


def test_a_label_that_is_nearly_what_a_head_of_unknown_classes_predicts_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    compared({"1": "POS", "2": "neg", "3": "rare"}, {"1": "pos", "2": "neg", "3": "neg"})
    assert [record.getMessage() for record in caplog.records] == [
        "labels.csv: classes that are nearly those of the head: POS ~ pos; if they are one class, write them alike"
    ]


def test_a_document_that_is_predicted_as_nothing_is_an_error() -> None:
    with pytest.raises(DataError, match="predictions: 1 document without a class"):
        evaluate_predictions(labels_of({"a": "x", "b": "y"}), pa.array(["a", "b"]), pa.array(["x", None]))


@pytest.mark.parametrize(("common", "warned"), [(0, False), (1, True), (3, True)])
def test_documents_that_the_head_was_trained_on_are_counted_and_told(
    common: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    labels: Labels = labels_of({"a": "x", "b": "y", "c": "x", "not predicted": "y"})
    trained = [*"abc"[:common], "not predicted", "elsewhere"]
    evaluation = evaluate_predictions(
        labels, pa.array(list("abc")), pa.array(list("xyx")), trained_on=TrainingIds.of(pa.array(trained), "ab" * 32)
    )
    assert evaluation.trained_on == common
    assert (f"the head was trained on {common} of the 3 documents compared" in caplog.text) is warned
