"""Small heads trained on a store, backfills with them, and what they answered."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from encore.featurestore import Catalogue
from encore.heads import Head, Labels, TrainSettings
from encore.heads.training.store import TrainRequest, train_from_store
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.runs.report import JobReport
from tests.pipelines.jobs import ONE_WORKER


def train(store: Catalogue, folder: Path, task: str = "parity", **settings: object) -> Head:
    ids = [f"d{i}" for i in range(40)]
    labels = Labels.from_table(
        pa.table({"doc_id": ids, "label": ["even" if i % 2 == 0 else "odd" for i in range(40)]}),
        "doc_id",
        "label",
        "test",
    )
    request = TrainRequest(task, labels, dev_share=0, settings=TrainSettings(epochs=1, **settings))  # type: ignore[arg-type]
    head = train_from_store(store, request).head
    head.save(folder / task)
    return head


def run_backfill(
    store: Catalogue, folder: Path, *tasks: str, options: tuple[str, ...] = ONE_WORKER, **request: object
) -> JobReport:
    heads = tuple(str(folder / task) for task in tasks)
    asked = BackfillRequest(store.uri, heads, str(folder / "out"), **{"device": "cpu", **request})  # type: ignore[arg-type]
    return backfill(asked, beam_options=options)


def answers(folder: Path, task: str) -> dict[str, tuple[str, float]]:
    table = PredictionsFolder.open(str(folder / "out")).read(task)
    assert len(set(table["doc_id"].to_pylist())) == table.num_rows
    return {
        row["doc_id"]: (row["label"], row["score"]) for row in table.select(["doc_id", "label", "score"]).to_pylist()
    }
