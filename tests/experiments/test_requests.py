"""What Python callers may give in place of a sequence, for every class that says what is asked for."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from encore import experiments, heads, pipelines
from encore.experiments.bench.task_registry import Task, TaskRegistry
from encore.experiments.tradeoff.measurement.labels import LabelFiles

ASKED = ("Request", "Settings", "Plan", "Grid", "CorpusColumns")
"""How the names of classes end that say what is asked for."""

TASKS = TaskRegistry((Task("sst2", "SA", "train.parquet", "dev.parquet", "SST-2"),), "tasks.toml")
REQUIRED = {
    "predictions": "scored",
    "store": "features",
    "source": "richer",
    "out": Path("out"),
    "train": "a",
    "test": "b",
    "tasks": TASKS,
}
"""Values of fields that have no default and take one value."""

VALUES = {
    "labels": LabelFiles("topic", "topics.parquet"),
    "poolings": "mean",
    "learning_rates": 1e-3,
    "batch_sizes": 16,
    "seeds": 7,
    "only": "sst2",
    "starts": "plain",
    "quantizers": "int4",
    "entries": "sign/4q",
    "placements": "before",
}
"""Field of several values → one that it takes, where not every text is one."""


def several_of(kind: Any) -> list[str]:
    """Fields of any number of values."""
    types = {it.name: str(it.type).removesuffix(" | None") for it in fields(kind)}
    return [name for name, kind in types.items() if kind.startswith("tuple[") and kind.endswith(", ...]")]


def asked_for() -> Iterator[tuple[Any, str]]:
    """Class and field, for every field of several values."""
    for package in (heads, pipelines, experiments):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for name, kind in sorted(vars(importlib.import_module(found.name)).items()):
                own = isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == found.name
                if own and name.endswith(ASKED) and name not in ASKED[:-1]:
                    yield from ((kind, field) for field in several_of(kind))


CASES = list(asked_for())


@pytest.mark.parametrize(("kind", "field"), CASES, ids=[f"{kind.__name__}-{field}" for kind, field in CASES])
def test_one_value_is_taken_for_one_and_not_for_its_letters(kind: Any, field: str) -> None:
    types = {it.name: str(it.type) for it in fields(kind)}
    value = VALUES.get(field, 7 if types[field].startswith("tuple[int, ") else "some-name")
    given = {it.name: REQUIRED.get(it.name, ()) for it in fields(kind) if it.default is it.default_factory is MISSING}
    assert getattr(kind(**given | {field: value}), field) == (value,)
    assert getattr(kind(**given | {field: [value]}), field) == (value,)


def test_the_classes_that_people_call_most_are_among_them() -> None:
    found = {f"{kind.__name__}.{field}" for kind, field in CASES}
    assert {
        "EncodeRequest.inputs",
        "ExportRequest.columns",
        "BackfillRequest.heads",
        "PredictRequest.heads",
        "CorpusColumns.keep",
    } <= found
