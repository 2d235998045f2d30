"""A value of another type is refused by the name of its argument, before anything is done."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import encore
from encore.api.arguments.types import typed

CALLS: dict[str, Callable[[encore.Store, pa.Table, dict[str, Any]], object]] = {
    "backfill": lambda store, _, given: encore.backfill(store, **{"heads": "h", "out": "out", **given}),
    "compact": lambda store, _, given: store.compact(**given),
    "delete": lambda store, _, given: store.delete("d1", **given),
    "derive": lambda store, _, given: encore.derive(store, store="derived", **given),
    "encode": lambda _, table, given: encore.encode(table, store="s", **given),
    "evaluate": lambda _, table, given: encore.evaluate("out", table, **given),
    "export": lambda store, _, given: encore.export("p", store=store, out="a.parquet", **given),
    "open_store": lambda store, _, given: encore.open_store(store, **given),
    "predict": lambda _, __, given: encore.predict("a text", **{"heads": "h", **given}),
    "runs": lambda store, _, given: store.runs(**given),
    "tag": lambda store, _, given: store.tag("first", **given),
    "torch_dataset": lambda store, table, given: store.torch_dataset(table, **given),
    "train": lambda store, table, given: encore.train(store, table, **{"task": "topic", **given}),
    "vacuum": lambda store, _, given: store.vacuum(**given),
    "verify": lambda store, _, given: store.verify(**given),
}
PROGRESS = "expected True, False or None"


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("backfill", {"heads": ["trained/topic", 3]}, "heads 3: expected a text or a Head"),
        ("backfill", {"progress": "no"}, f"progress 'no': {PROGRESS}"),
        ("compact", {"target_bytes": "64MB"}, "target_bytes '64MB': expected a whole number"),
        ("delete", {"block": "yes"}, "block 'yes': expected True or False"),
        ("derive", {"layers": 16}, "layers 16: expected a text or None"),
        ("derive", {"progress": 1}, f"progress 1: {PROGRESS}"),
        ("encode", {"max_length": "512"}, "max_length '512': expected a whole number or None"),
        ("encode", {"give_up_after": "15"}, "give_up_after '15': expected a number"),
        ("encode", {"max_pruned": [1]}, "max_pruned .*: expected a number, a text or None"),
        ("evaluate", {"csv_escape": 1}, "csv_escape 1: expected a text or None"),
        ("export", {"progress": "no"}, f"progress 'no': {PROGRESS}"),
        ("open_store", {"snapshot": 1.5}, "snapshot 1.5: expected a whole number, a text or None"),
        ("predict", {"heads": 3}, "heads 3: expected a text or a Head"),
        ("predict", {"device": 0}, "device 0: expected a text"),
        ("runs", {"limit": "5"}, "limit '5': expected a whole number"),
        ("tag", {"remove": "no"}, "remove 'no': expected True or False"),
        ("torch_dataset", {"memory": "1GB"}, "memory '1GB': expected a whole number"),
        ("train", {"learning_rates": "1e-4"}, "learning rates '1e-4': expected a number"),
        ("train", {"seeds": [0, 1.5]}, "seeds 1.5: expected a whole number"),
        ("train", {"epochs": 1.5}, "epochs 1.5: expected a whole number or None"),
        ("train", {"dev_share": "0.1"}, "dev_share '0.1': expected a number"),
        ("train", {"progress": "no"}, f"progress 'no': {PROGRESS}"),
        ("vacuum", {"older_than": "1 day"}, "older_than '1 day': expected a number"),
        ("vacuum", {"forget": "yes"}, "forget 'yes': expected True or False"),
        ("verify", {"deep": 1}, "deep 1: expected True or False"),
    ],
)
def test_another_type_is_refused(
    name: str, given: dict[str, Any], told: str, store: encore.Store, labels: pa.Table, tmp_path: Path
) -> None:
    with pytest.raises(encore.UsageError, match=f"^{told}$"):
        CALLS[name](store, labels, given)
    assert store.refresh().snapshot == 1
    assert [it.name for it in tmp_path.iterdir() if it.name != "temporary"] == ["features"]


def test_what_is_no_address_is_refused(store: encore.Store, labels: pa.Table, tmp_path: Path) -> None:
    head = encore.train(store, labels, task="topic", epochs=1)
    three: Any = 3
    for what, call in {
        "store": lambda: encore.open_store(three),
        "predictions": lambda: encore.open_predictions(three),
        "directory": lambda: encore.load_head(three),
        "out": lambda: encore.train(store, labels, out=three),
        "Beam options": lambda: encore.derive(store, store=tmp_path / "d", beam_options=three),
        "head": lambda: encore.evaluate(tmp_path, labels, head=three),
        "columns": lambda: store.documents(three),
        "classes": lambda: store.torch_dataset(labels, classes=three),
    }.items():
        with pytest.raises(encore.UsageError, match=f"^{what} 3: expected a text$"):
            call()
    for call in (
        lambda: head.save(three),
        lambda: encore.evaluate(three, labels),
        lambda: store.vacuum(predictions=three),
        lambda: encore.encode(labels, store=tmp_path / "e", keep_columns=three),
        lambda: encore.encode(labels, store=tmp_path / "e", beam_options=[three]),
    ):
        with pytest.raises(encore.UsageError, match=r" 3: expected a text$"):
            call()


@pytest.mark.parametrize("given", [float("nan"), -1, 1e12, float("inf")])
def test_times_without_a_date_are_refused(given: float, store: encore.Store) -> None:
    with pytest.raises(encore.UsageError, match="older_than: expected 0 or more, and at most 36,500 days"):
        store.vacuum(older_than=given)
    with pytest.raises(encore.UsageError, match="keep_days: expected 0 or more, and at most 36,500 days"):
        store.vacuum(keep_days=given)


def test_numbers_of_numpy_are_numbers(store: encore.Store, labels: pa.Table) -> None:
    head = encore.train(
        store,
        labels,
        task="topic",
        epochs=np.int64(1),  # type: ignore[arg-type]
        learning_rates=np.array([1e-3]),  # type: ignore[arg-type]
        seeds=np.arange(1),  # type: ignore[arg-type]
        dev_share=np.float32(0.25),  # type: ignore[arg-type]
    )
    assert head.task == "topic"
    assert store.vacuum(older_than=np.float64(0), keep_snapshots=np.int8(1))["kept_snapshots"] == [1]


def test_a_checked_function_keeps_its_name_its_arguments_and_its_errors() -> None:
    @typed
    def told(number: int, *more: int, text: str = "") -> tuple[object, ...]:
        """What was given."""
        return number, more, text

    assert (told.__name__, list(inspect.signature(told).parameters)) == ("told", ["number", "more", "text"])
    assert told(1, 2, 3, text=Path("a/b")) == (1, (2, 3), "a/b")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="told"):
        told()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonesuch'"):
        told(1, nonesuch=2)  # type: ignore[call-arg]
