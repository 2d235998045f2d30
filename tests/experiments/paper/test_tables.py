from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from encore.experiments.bench.intervals import half_width
from encore.experiments.bench.task_registry import Task, TaskRegistry
from encore.experiments.paper.outcome import Difference
from encore.experiments.paper.tables import ResultRow, group_table, result_rows, task_table

REGISTRY = TaskRegistry(
    tuple(
        Task(name, group, "a", "b", name.upper())
        for name, group in (("one", "SA"), ("two", "SA"), ("three", "LA"), ("four", "DOC"))
    ),
    "test",
)
ACCURACIES = {"one": (0.5, 0.6), "two": (0.7, 0.8), "three": (0.9, 0.9), "four": (0.3, 0.3)}


def cell(task: str, seed: int, accuracy: float, setting: str = "a", size: float = 100.0) -> dict[str, Any]:
    return {
        "task": task,
        "seed": seed,
        "setting": setting,
        "accuracy": accuracy,
        "dev_documents": 50,
        "bytes_per_document": size,
        "tokens_per_document": 20.0,
    }


def cells(shift: float = 0.0, setting: str = "a") -> list[dict[str, Any]]:
    return [
        cell(task, seed, accuracy + shift * (seed + 1), setting)
        for task, found in ACCURACIES.items()
        for seed, accuracy in enumerate(found)
    ]


def row(found: list[dict[str, Any]]) -> ResultRow:
    made = ResultRow.of("A", found, REGISTRY)
    assert made is not None
    return made


def test_a_row_averages_seeds_then_tasks_then_groups() -> None:
    made = row(cells())
    assert made.tasks == pytest.approx({"one": 0.55, "two": 0.75, "three": 0.9, "four": 0.3})
    assert made.groups == pytest.approx({"SA": 0.65, "LA": 0.9, "DOC": 0.3})
    assert made.average == pytest.approx((0.55 + 0.75 + 0.9 + 0.3) / 4)
    assert made.by_seed == pytest.approx([(0.5 + 0.7 + 0.9 + 0.3) / 4, (0.6 + 0.8 + 0.9 + 0.3) / 4])
    assert made.over_seeds == pytest.approx(half_width(made.by_seed))


def test_a_seed_that_a_task_lacks_is_left_out_of_all() -> None:
    made = row(cells()[:-1])
    assert made.seeds == (0,)
    assert made.average == pytest.approx((0.5 + 0.7 + 0.9 + 0.3) / 4)
    assert made.over_seeds is None


def test_settings_without_a_cell_have_no_row_and_rows_keep_the_order_asked_for() -> None:
    found = [*cells(setting="b"), *cells(setting="a")]
    assert list(result_rows(found, {"a": "A", "b": "B", "c": "C"}, REGISTRY)) == ["a", "b"]


def test_the_tables_read_as_the_papers() -> None:
    groups = group_table([row(cells())], REGISTRY, [1.5]).splitlines()
    assert groups[0].startswith("| model | G FLOPs | bytes a document | SA | LA | DOC | average |")
    assert groups[2].startswith("| A | 1.50 | 100 | 65.0 | 90.0 | 30.0 | **62.5** |")
    tasks = task_table([row(cells()[:2])], REGISTRY).splitlines()
    assert tasks[0] == "| model | ONE | TWO | THREE | FOUR | avg |"
    assert tasks[2] == "| A | 55.0 | – | – | – | **55.0** |"


def test_a_difference_is_paired_by_seed() -> None:
    found = Difference.of(row(cells(0.01)), row(cells()))
    assert found is not None
    assert found.mean == pytest.approx(1.5)
    assert found.over_seeds == pytest.approx(half_width(np.array([1.0, 2.0])))
    assert found.over_tasks == pytest.approx(0.0, abs=1e-9)
    assert found.seeds == 2


def test_rows_that_share_no_seed_or_lack_a_task_are_not_compared() -> None:
    later = [{**entry, "seed": entry["seed"] + 7} for entry in cells()]
    assert Difference.of(row(later), row(cells())) is None
    assert Difference.of(row(cells()), row(cells()[:2])) is None
