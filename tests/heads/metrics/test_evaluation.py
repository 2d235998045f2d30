"""Evaluations: what they say where little can be said, and as JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from encore.featurestore import DataError
from encore.heads import Evaluation


def evaluation_of(truth: list[int], predicted: list[int], classes: tuple[str, ...] = ("x", "y", "z")) -> Evaluation:
    return Evaluation.of(np.array(truth), np.array(predicted), classes, missing=4, unlabelled=1)


def test_an_evaluation_travels_as_json() -> None:
    evaluation = evaluation_of([0, 1, 2, 2], [0, 1, 1, 2])
    document = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert Evaluation.from_dict(document) == evaluation
    assert document["documents"] == 4
    assert document["missing"] == 4
    assert set(document["intervals"]) == {"accuracy", "macro_f1", "mcc"}
    assert document["confusion"] == {"truth": [0, 1, 2, 2], "predicted": [0, 1, 1, 2], "documents": [1, 1, 1, 1]}


def test_many_classes_take_as_much_room_as_documents() -> None:
    truth = np.random.default_rng(0).integers(0, 50_000, 300)
    names = tuple(map(str, range(50_000)))
    document = Evaluation.of(truth, (truth * 7) % 50_000, names).to_dict()
    assert len(json.dumps(document["confusion"])) < 10_000


def test_documents_of_one_class_have_no_correlation_and_no_interval_of_it() -> None:
    evaluation = evaluation_of([1, 1, 1], [1, 1, 1])
    assert (evaluation.accuracy, evaluation.macro_f1, evaluation.majority) == (1.0, 1.0, 1.0)
    assert evaluation.mcc is None
    assert evaluation.intervals["mcc"] is evaluation.intervals["macro_f1"] is None
    assert evaluation.accuracy_interval[0] < 0.5
    document = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert document["mcc"] is document["intervals"]["mcc"] is None
    assert Evaluation.from_dict(document) == evaluation


def test_no_errors_leave_the_correlation_defined_and_its_interval_not() -> None:
    evaluation = evaluation_of([0, 1] * 20, [0, 1] * 20)
    assert evaluation.mcc == pytest.approx(1.0)
    assert evaluation.intervals["mcc"] is None


def test_one_answer_for_all_shows_no_correlation() -> None:
    evaluation = evaluation_of([0, 0, 1], [0, 0, 0])
    assert evaluation.mcc == 0.0
    assert evaluation.majority == pytest.approx(2 / 3)


def test_nothing_to_measure_on_is_an_error() -> None:
    with pytest.raises(DataError, match="no document to measure on"):
        evaluation_of([], [])


@pytest.mark.parametrize(("trained_on", "said"), [(None, False), (0, False), (1, False), (2, True), (3, True)])
def test_half_of_the_documents_make_it_a_measure_of_training(trained_on: int | None, said: bool) -> None:
    documents: dict[str, Any] = {"trained_on": trained_on}
    evaluation = Evaluation.of(np.array([0, 1, 1]), np.array([0, 1, 0]), ("x", "y"), **documents)
    assert evaluation.measures_training is said
