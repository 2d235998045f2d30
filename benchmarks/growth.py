"""Time and peak memory of encode and backfill over 1, 4 and 16 times as many documents, each in a fresh process.

A tiny random encoder and one attention head leave the models' own time and memory out of the picture. The texts are
those of the default corpus, repeated under new ids as often as it takes. Seconds are those of the job, and begin when
all is imported and the encoder is loaded; processor time is that of all threads meanwhile; memory is the most that the
process ever held (VmHWM), imports and the encoder included.

    python -m benchmarks.growth [CORPUS.parquet] [--documents 1250] [--times 1 4 16] [--unit-rows 256] [--repeats 3]
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.corpus import default_corpus
from benchmarks.measure import Measurement, measure
from benchmarks.peak import peak_mib
from benchmarks.report import Report, arguments
from featurestore import Store
from heads import Labels, TrainSettings
from heads.store_training import TrainRequest, train_from_store
from pipelines.backfill_job import BackfillRequest, backfill
from pipelines.encode_job import EncodeRequest, encode
from pipelines.resident_encoder import resident_encoder
from tests.models import tiny_bert

HEADER = ["job", "documents", "time, s", "time a document", "processor, s", "processor a document", "peak, MiB", "peak"]


def main() -> None:
    """Run the benchmark, or one job of it."""
    parser = arguments(__doc__, repeats=3)
    parser.add_argument("corpus", nargs="?", help="Parquet with columns doc_id and text")
    parser.add_argument("--documents", type=int, default=1250, help="of the smallest corpus")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16], help="sizes, as multiples of it")
    parser.add_argument("--unit-rows", type=int, default=256, help="0: as encode chooses them from the corpus")
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        job, folder, times = options.job
        print(json.dumps(JOBS[job](Path(folder), int(times), options.unit_rows or None)))
        return
    del options.job
    report = Report.begin("growth", options)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, options)
        found = measured(folder, options)
    report.end(HEADER, [row for job in JOBS for row in rows_of(job, found, options)], found)


def prepare(folder: Path, options: argparse.Namespace) -> None:
    """The encoder; a corpus, a store of it and an empty folder for predictions of each size; and a head."""
    tiny_bert(folder / "encoder", hidden=64, max_positions=256)
    source = pq.read_table(options.corpus or default_corpus(folder), columns=["text"])["text"]
    # Corpora have an order: the first texts of one are no sample of it.
    source = source.take(pa.array(np.random.default_rng(0).permutation(len(source))))
    for times in options.times:
        count = options.documents * times
        texts = source.take(pa.array(np.arange(count) % len(source)))
        ids = pa.array([f"document-{number}" for number in range(count)])
        pq.write_table(pa.table({"doc_id": ids, "text": texts}), folder / f"corpus-{times}.parquet")
        alone(folder, times, options.unit_rows, "encode")
        (folder / f"encoded-{times}").rename(folder / f"store-{times}")
    labels = pa.table({"doc_id": ids[:200], "label": ["even", "odd"] * 100})
    request = TrainRequest(
        "parity", Labels.from_table(labels, "doc_id", "label", "parity"), dev_share=0, settings=TrainSettings(epochs=1)
    )
    train_from_store(Store.open(str(folder / f"store-{options.times[0]}")), request).head.save(folder / "head")


def measured(folder: Path, options: argparse.Namespace) -> dict[str, Measurement]:
    """By name of what is measured: a measurement of every job over every corpus."""
    noted: dict[str, list[dict[str, float]]] = {f"{job} {times}×": [] for job in JOBS for times in options.times}

    def run(job: str, times: int) -> float:
        found = alone(folder, times, options.unit_rows, job)
        shutil.rmtree(folder / (f"encoded-{times}" if job == "encode" else f"predictions-{times}"))
        noted[f"{job} {times}×"].append(found)
        return found["seconds"]

    contenders: dict[str, Callable[[], float]] = {
        f"{job} {times}×": partial(run, job, times) for job in JOBS for times in options.times
    }
    # The stores were made in the same way, which has warmed up what a fresh process leaves warm: the page cache.
    seconds = measure(contenders, options.repeats, warm_up=0)
    others = {
        what: Measurement({name: tuple(found[what] for found in rounds) for name, rounds in noted.items()})
        for what in ("processor_seconds", "start_mib", "peak_mib")
    }
    return {"seconds": seconds, **others}


def alone(folder: Path, times: int, unit_rows: int, job: str) -> dict[str, float]:
    """What a job measures of itself in a process of its own."""
    words = [f"--unit-rows={unit_rows}", "--job", job, str(folder), str(times)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", *words], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{job} over {times}×: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def encode_once(folder: Path, times: int, unit_rows: int | None) -> dict[str, float]:
    """Encode a corpus into a new store."""
    encoder = str(folder / "encoder")
    held = resident_encoder(encoder, device="cpu", dtype="float32")
    request = EncodeRequest(
        (str(folder / f"corpus-{times}.parquet"),),
        str(folder / f"encoded-{times}"),
        encoder=encoder,
        device="cpu",
        unit_rows=unit_rows,
    )
    found = observed(lambda: encode(request).exit_code)
    del held
    return found


def backfill_once(folder: Path, times: int, _: int | None) -> dict[str, float]:
    """Score a store into a new folder."""
    out = str(folder / f"predictions-{times}")
    request = BackfillRequest(str(folder / f"store-{times}"), (str(folder / "head"),), out)
    return observed(lambda: backfill(request).exit_code)


JOBS: dict[str, Callable[[Path, int, int | None], dict[str, float]]] = {
    "encode": encode_once,
    "backfill": backfill_once,
}


def observed(job: Callable[[], int]) -> dict[str, float]:
    """Seconds, processor seconds and memory of a job in this process."""
    start_mib, before, started = peak_mib(), resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    exit_code = job()
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    if exit_code:
        raise RuntimeError(f"the job ended with {exit_code}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "processor_seconds": processor, "start_mib": start_mib, "peak_mib": peak_mib()}


def rows_of(job: str, found: dict[str, Measurement], options: argparse.Namespace) -> list[list[object]]:
    """The lines of one job: medians, and as multiples of the smallest corpus the time of a document and the memory."""
    first = options.times[0]
    rows = []
    for times in options.times:
        row: list[object] = [job, f"{options.documents * times:,}"]
        for what, grown in (("seconds", times / first), ("processor_seconds", times / first), ("peak_mib", 1)):
            taken = found[what]
            ratio = taken.ratio(f"{job} {times}×", f"{job} {first}×").times(1 / grown)
            row += [taken.cell(f"{job} {times}×", unit="").replace("  ", " "), f"× {ratio}" if times > first else "1"]
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
