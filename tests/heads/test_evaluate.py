"""Predictions beside labels, joined by id."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from featurestore import DataError
from heads import Evaluation, evaluate_predictions
from tests.heads.building import labels_of


def test_predictions_are_joined_by_id() -> None:
    labels = labels_of({"a": "x", "b": "y", "c": "x", "gone": "y"})
    evaluation = evaluate_predictions(labels, pa.array(["c", "b", "new", "a"]), pa.array(["x", "x", "y", "x"]))
    assert evaluation.classes == ("x", "y")
    assert evaluation.confusion == ((2, 0), (1, 0))
    assert evaluation.accuracy == pytest.approx(2 / 3)
    assert evaluation.macro_f1 == pytest.approx((4 / 5 + 0) / 2)
    assert evaluation.mcc == 0.0
    assert evaluation.majority == pytest.approx(2 / 3)
    assert (evaluation.documents, evaluation.missing, evaluation.unlabelled) == (3, 1, 1)
    low, high = evaluation.intervals["accuracy"]
    assert low < 2 / 3 < high


def test_chunks_dictionaries_and_strange_classes_are_taken() -> None:
    labels = labels_of({"a": "x", "b": "y"})
    ids = pa.chunked_array([["b"], ["a"]])
    predicted = pa.chunked_array([pa.array(["z"]).dictionary_encode(), pa.array(["x"]).dictionary_encode()])
    evaluation = evaluate_predictions(labels, ids, predicted)
    assert evaluation.classes == ("x", "y", "z")
    assert evaluation.confusion == ((1, 0, 0), (0, 0, 1), (0, 0, 0))


def test_integer_ids_meet_their_decimal_text() -> None:
    evaluation = evaluate_predictions(labels_of({"7": "x", "8": "y"}), pa.array([8, 7]), pa.array(["y", "x"]))
    assert evaluation.accuracy == 1.0


def test_no_common_document_is_an_error_that_shows_both_sides() -> None:
    with pytest.raises(DataError, match=r"none of its 2 labelled documents .*labelled: a, b; predicted: c\)"):
        evaluate_predictions(labels_of({"a": "x", "b": "y"}), pa.array(["c"]), pa.array(["x"]))


def test_a_document_predicted_twice_is_an_error() -> None:
    with pytest.raises(DataError, match=r"1 documents come twice \(a\)"):
        evaluate_predictions(labels_of({"a": "x"}), pa.array(["a", "a"]), pa.array(["x", "y"]))


def test_an_evaluation_travels_as_json() -> None:
    truth, predicted = np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2])
    evaluation = Evaluation.of(truth, predicted, ("x", "y", "z"), missing=4, unlabelled=1)
    document = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert Evaluation.from_dict(document) == evaluation
    assert document["documents"] == 4
    assert document["missing"] == 4
    assert set(document["intervals"]) == {"accuracy", "macro_f1", "mcc"}
    assert {"accuracy", "macro_f1", "mcc", "confusion"} <= set(document)
