"""What it costs that a commit is on the disk: the same writes with and without syncing, in turn.

- encode: a job of some documents with a tiny random encoder, most of which is not writing.
- objects: random bytes in many objects, a barrier and a manifest, as the segments of a large job; all of it is.

    python -m benchmarks.sync [--documents 40] [--megabytes 100] [--objects 700] [--folder DIR] [--repeats 5]
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import file_system
from benchmarks.measure import Contender, measure, timed
from benchmarks.report import Report, arguments
from encore.featurestore.storage import NO_SYNC, Objects
from encore.pipelines.encoding import EncodeRequest, encode
from tests.models import tiny_bert

SYNCED, LEFT = "synced", "left to the system"


def main() -> None:
    """Run the benchmark and print its report."""
    parser = arguments(__doc__)
    parser.add_argument("--documents", type=int, default=40, help="of the encode job")
    parser.add_argument("--megabytes", type=float, default=100, help="of the objects")
    parser.add_argument("--objects", type=int, default=700)
    parser.add_argument("--folder", help="where to write; a temporary folder unless given")
    options = parser.parse_args()
    report = Report.begin("sync", options)
    rows, measured = [], {}
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        jobs = {
            f"encode of {options.documents} documents": encoding(folder, options.documents),
            f"{options.megabytes:g} MB in {options.objects} objects": writing(options.megabytes, options.objects),
        }
        for what, job in jobs.items():
            contenders = {SYNCED: in_turn(folder, job, "0"), LEFT: in_turn(folder, job, "1")}
            taken = measure(contenders, options.repeats)
            rows.append([what, taken.cell(SYNCED, 1, "s"), taken.cell(LEFT, 1, "s"), str(taken.ratio(SYNCED, LEFT))])
            calls = count_syncs(folder, job)
            rows[-1].append(f"{calls:,}")
            measured[what] = {"seconds": taken, "synced / left": taken.ratio(SYNCED, LEFT), "syncs": calls}
        measured["file_system"] = file_system(folder)
    header = [f"on {measured['file_system']}", SYNCED, LEFT, "as long as without", "files and folders synced"]
    report.end(header, rows, measured)


def encoding(folder: Path, documents: int) -> Callable[[Path], None]:
    """An encode of so many documents into a new store."""
    encoder = str(tiny_bert(folder / "encoder"))
    texts = [" ".join(f"w{number + k}" for k in range(12)) for number in range(documents)]
    pq.write_table(pa.table({"doc_id": [f"d{i}" for i in range(documents)], "text": texts}), folder / "corpus.parquet")

    def job(out: Path) -> None:
        request = EncodeRequest((str(folder / "corpus.parquet"),), str(out), encoder=encoder, device="cpu")
        encode(request)

    return job


def writing(megabytes: float, count: int) -> Callable[[Path], None]:
    """So many objects of so many MB together, a barrier, and a manifest."""
    data = np.random.default_rng(0).integers(0, 256, int(megabytes * 1e6) // count, np.uint8).tobytes()

    def job(out: Path) -> None:
        objects = Objects.open(str(out), make=True)
        for number in range(count):
            objects.put(f"segments/{number // 7}/attempt/{number % 7}", data)
        objects.barrier()
        objects.create("manifests/1.json", b"{}")

    return job


def in_turn(folder: Path, job: Callable[[Path], None], no_sync: str) -> Contender:
    """Seconds of a job into a new folder, whose removal is no part of it; what earlier ones left is written before."""

    def run() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as name, patch.dict(os.environ, {NO_SYNC: no_sync}):
            os.sync()
            return timed(lambda: job(Path(name, "out")))

    return run


def count_syncs(folder: Path, job: Callable[[Path], None]) -> int:
    """Files and folders that a job syncs."""
    synced: list[int] = []
    with patch.object(os, "fsync", synced.append):
        in_turn(folder, job, "0")()
    return len(synced)


if __name__ == "__main__":
    main()
