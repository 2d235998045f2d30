"""Corpora, encoders and shortcuts that the tests of the jobs share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from encore.encoders import Encoder
from encore.pipelines.encoding.job import EncodeRequest, encode
from encore.pipelines.encoding.resident_encoders import resident_encoder
from encore.pipelines.runs.report import JobReport
from tests.models import tiny_bert

DATA = Path(os.environ.get("ENCORE_DATA", Path(__file__).parents[3] / "shared" / "data"))
"""Real data, where there is any."""

ONE_WORKER = ("--direct_num_workers=1",)
KEPT: list[Encoder] = []
"""Encoders that no job has to load."""


@cache
def encoder() -> str:
    """A tiny random BERT: 3 layers, 32 wide; made and loaded once, since to load it takes as long as a small job."""
    name = str(tiny_bert(Path(mkdtemp(prefix="encore-tiny-"))))
    KEPT.extend(resident_encoder(name, device=device, dtype="float32") for device in ("cpu", "auto"))
    return name


def texts(count: int, start: int = 0, word: str = "news") -> list[dict[str, Any]]:
    """Documents ``d<number>`` of 1 to 12 words, no two alike."""
    return [
        {"doc_id": f"d{number}", "text": " ".join([word, *(f"w{number * 7 + k}" for k in range(number % 12))])}
        for number in range(start, start + count)
    ]


def write_corpus(path: Path, rows: Sequence[dict[str, Any]], schema: pa.Schema | None = None) -> str:
    """Rows as a Parquet file; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return str(path)


def run_encode(store: Path | str, *inputs: str, options: Sequence[str] = ONE_WORKER, **request: Any) -> JobReport:
    """Encode with the tiny encoder."""
    asked = EncodeRequest(inputs, str(store), **{"encoder": encoder(), "device": "cpu", **request})
    return encode(asked, beam_options=options)


def documents(report: JobReport) -> dict[str, int]:
    """The report's document counts."""
    return dict(report.document["documents"])
