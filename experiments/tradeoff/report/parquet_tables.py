"""The report's Parquet files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from encore.experiments.tradeoff.measurement import head_key
from encore.experiments.tradeoff.run import TradeoffReport
from encore.experiments.tradeoff.summary import Point
from encore.featurestore.storage import whole_file

CELLS_FILE = "cells.parquet"
SETTINGS_FILE = "settings.parquet"

SETTING_FIELDS = [
    pa.field("layers", pa.string(), nullable=False),
    pa.field("positions", pa.string(), nullable=False),
    pa.field("quantizer", pa.string(), nullable=False),
]

CELL_SCHEMA = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        *SETTING_FIELDS,
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("pooling", pa.string(), nullable=False),
        pa.field("accuracy", pa.float64(), nullable=False),
        pa.field("macro_f1", pa.float64()),
        pa.field("mcc", pa.float64()),
        pa.field("train_documents", pa.int64(), nullable=False),
        pa.field("dev_documents", pa.int64(), nullable=False),
        pa.field("epoch", pa.int64(), nullable=False),
        pa.field("epochs", pa.int64(), nullable=False),
        pa.field("still_rising", pa.bool_(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
    ]
)
"""One row a head: task, setting and seed."""

SETTING_SCHEMA = pa.schema(
    [
        pa.field("panel", pa.string(), nullable=False),
        *SETTING_FIELDS,
        pa.field("accuracy", pa.float64(), nullable=False),
        pa.field("accuracy_low", pa.float64(), nullable=False),
        pa.field("accuracy_high", pa.float64(), nullable=False),
        pa.field("loss_points", pa.float64(), nullable=False),
        pa.field("loss_points_low", pa.float64(), nullable=False),
        pa.field("loss_points_high", pa.float64(), nullable=False),
        pa.field("row_bytes", pa.int64(), nullable=False),
        pa.field("payload_bytes_per_document", pa.float64(), nullable=False),
        pa.field("bytes_per_document", pa.float64(), nullable=False),
        pa.field("projected_documents", pa.int64(), nullable=False),
        pa.field("projected_bytes", pa.float64(), nullable=False),
        pa.field("on_front", pa.bool_(), nullable=False),
        pa.field("recommended", pa.bool_(), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
    ]
)
"""One row a setting and panel: each task, and over all tasks where there are several."""


def write_tables(report: TradeoffReport, folder: Path) -> None:
    """Write `CELLS_FILE` and `SETTINGS_FILE`, each with what it came from in its schema's metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    origin = {b"encore": json.dumps(provenance(report)).encode()}
    for name, table in ((CELLS_FILE, cell_table(report)), (SETTINGS_FILE, setting_table(report))):
        with whole_file(folder / name) as file:
            pq.write_table(table.replace_schema_metadata(origin), file)


def cell_table(report: TradeoffReport) -> pa.Table:
    """Every head, as `CELL_SCHEMA` has it."""
    rows = []
    for task in report.tasks:
        for setting in report.grid:
            for seed in range(report.request.seeds):
                key = head_key(task, setting, seed)
                rows.append(key | (report.trials.heads.get(key) or {}))
    return pa.Table.from_pylist([{name: row[name] for name in CELL_SCHEMA.names} for row in rows], schema=CELL_SCHEMA)


def setting_table(report: TradeoffReport) -> pa.Table:
    """Every point, as `SETTING_SCHEMA` has it."""
    return pa.Table.from_pylist([point_row(report, point) for point in report.points], schema=SETTING_SCHEMA)


def point_row(report: TradeoffReport, point: Point) -> dict[str, object]:
    """One point's figures by the names of `SETTING_SCHEMA`."""
    chosen = report.recommendation.chosen
    low, high = point.accuracy_interval
    loss_low, loss_high = point.loss.interval
    return {
        "panel": point.panel,
        "layers": point.setting.layers,
        "positions": point.setting.positions,
        "quantizer": point.setting.quantizer,
        "accuracy": point.accuracy.mean,
        "accuracy_low": low,
        "accuracy_high": high,
        "loss_points": point.loss.mean * 100,
        "loss_points_low": loss_low * 100,
        "loss_points_high": loss_high * 100,
        "row_bytes": point.size.row_bytes,
        "payload_bytes_per_document": point.size.payload,
        "bytes_per_document": point.size.bytes_per_document,
        "projected_documents": report.documents,
        "projected_bytes": report.projected_bytes(point),
        "on_front": point.on_front,
        "recommended": chosen is not None and point.setting == chosen.setting,
        "fingerprint": point.size.fingerprint,
    }


def provenance(report: TradeoffReport) -> dict[str, object]:
    """What a report came from: enough to run it again."""
    spec = report.trials.source.spec
    return {
        "command": report.request.command,
        "store": report.request.store,
        "snapshot": report.trials.snapshot,
        "fingerprint": spec.fingerprint,
        "encoder": spec.encoder.name or spec.encoder.source,
        "stored": f"{spec.layers} · {spec.positions} · {spec.quantizer.request}",
        "left_out": report.left_out,
        "documents": report.sizes.documents,
        "rows_per_document": report.sizes.rows,
        "index_bytes_per_document": report.sizes.index_bytes,
        "seeds": list(range(report.request.seeds)),
        "tasks": {
            task.name: {
                "train": task.files.train,
                "dev": task.files.dev,
                "train_documents": len(task.train),
                "dev_documents": len(task.dev),
                "classes": len(task.classes),
                "not_stored": task.not_stored,
                "labels": task.digest,
                "pooling": report.poolings(task),
            }
            for task in report.tasks
        },
        "versions": report.versions,
        "finished_at": report.finished_at,
        "seconds": report.seconds,
        "heads_trained": report.measured,
    }
