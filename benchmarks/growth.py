"""Time and peak memory of encode and backfill over 1, 4 and 16 times as many documents, each in a fresh process.

Encode takes the texts of the default corpus, repeated under new ids as often as it takes, with a tiny random encoder
that leaves the model's own time and memory out of the picture; the smallest corpus is of several units, so that what
warms up with the first batches has done so. Backfill takes one attention head and random sign bits of minilm's width
in documents as long as news. Seconds are those of the job, and begin when all is imported and the encoder is loaded;
processor time is that of all threads meanwhile; memory is the most that the process ever held (VmHWM), imports and the
encoder included.

Every job has a part that does not depend on the corpus. What a further document takes leaves it out: the seconds by
which one size is longer than the last, for each document more.

    python -m benchmarks.growth [CORPUS.parquet] [--documents 5000] [--stored 20000] [--times 1 4 16] [--repeats 5]
    python -m benchmarks.growth --jobs backfill --stored 320000 --times 1 4
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
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.corpus import default_corpus
from benchmarks.measure import Measurement, digits, measure
from benchmarks.peak import peak_mib
from benchmarks.report import Report, arguments
from benchmarks.synthetic_stores import synthetic_store
from encore.pipelines.backfill import BackfillRequest, backfill
from encore.pipelines.encoding import EncodeRequest, encode, resident_encoder
from tests.heads.building import head_of
from tests.models import tiny_bert

HEADER = [
    "job",
    "documents",
    "time, s",
    "a document",
    "a further document, µs",
    "processor, s",
    "a document",
    "a further document, µs",
    "peak, MiB",
    "peak",
    "before the job, MiB",
]


def main() -> None:
    """Run the benchmark, or one job of it."""
    parser = arguments(__doc__)
    parser.add_argument("corpus", nargs="?", help="Parquet with columns doc_id and text")
    parser.add_argument("--documents", type=int, default=5000, help="of the smallest corpus")
    parser.add_argument("--stored", type=int, default=20_000, help="documents of the smallest store")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16], help="sizes, as multiples of it")
    parser.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS))
    parser.add_argument("--unit-rows", type=int, default=0, help="0: as encode chooses them from the corpus")
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        job, folder, times = options.job
        print(json.dumps(JOBS[job](Path(folder), int(times), options.unit_rows or None)))
        return
    del options.job
    sizes = {job: {"encode": options.documents, "backfill": options.stored}[job] for job in options.jobs}
    report = Report.begin("growth", options)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, options)
        found = measured(folder, options)
    further = {
        what: Measurement(
            {
                f"{job} {times}×": seconds
                for job, documents in sizes.items()
                for times, seconds in further_documents(found[what], job, documents, options.times).items()
            }
        )
        for what in ("seconds", "processor_seconds")
    }
    rows = [row for job, documents in sizes.items() for row in rows_of(job, documents, found, further, options.times)]
    report.end(HEADER, rows, {**found, **{f"{what}_a_further_document": taken for what, taken in further.items()}})


def prepare(folder: Path, options: argparse.Namespace) -> None:
    """The encoder, a corpus and a store of each size, and a head."""
    tiny_bert(folder / "encoder", hidden=64, max_positions=256)
    options.corpus = options.corpus or str(default_corpus(folder))
    source = pq.read_table(options.corpus, columns=["text"])["text"]
    # Corpora have an order: the first texts of one are no sample of it.
    source = source.take(pa.array(np.random.default_rng(0).permutation(len(source))))
    for times in options.times if "encode" in options.jobs else ():
        count = options.documents * times
        texts = source.take(pa.array(np.arange(count) % len(source)))
        ids = pa.array([f"document-{number}" for number in range(count)])
        pq.write_table(pa.table({"doc_id": ids, "text": texts}), folder / f"corpus-{times}.parquet")
    for times in options.times if "backfill" in options.jobs else ():
        store = synthetic_store(folder / f"store-{times}", options.stored * times, "sign", "none")
        head_of(store.spec).save(folder / "head")


def measured(folder: Path, options: argparse.Namespace) -> dict[str, Measurement]:
    """By name of what is measured: a measurement of every job over every corpus."""
    noted: dict[str, list[dict[str, float]]] = {
        f"{job} {times}×": [] for job in options.jobs for times in options.times
    }

    def note(job: str, times: int) -> float:
        noted[f"{job} {times}×"].append(run(folder, times, options.unit_rows, job))
        return noted[f"{job} {times}×"][-1]["seconds"]

    contenders: dict[str, Callable[[], float]] = {
        f"{job} {times}×": partial(note, job, times) for job in options.jobs for times in options.times
    }
    seconds = measure(contenders, options.repeats)
    others = {
        what: Measurement(
            {name: tuple(found[what] for found in rounds[-options.repeats :]) for name, rounds in noted.items()}
        )
        for what in ("processor_seconds", "start_mib", "peak_mib")
    }
    return {"seconds": seconds, **others}


def run(folder: Path, times: int, unit_rows: int, job: str) -> dict[str, float]:
    """What a job measures of itself; what it made is removed."""
    found = alone(folder, times, unit_rows, job)
    shutil.rmtree(folder / f"{job}-{times}")
    return found


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
        str(folder / f"encode-{times}"),
        encoder=encoder,
        device="cpu",
        unit_rows=unit_rows,
    )
    found = observed(lambda: encode(request).exit_code)
    del held
    return found


def backfill_once(folder: Path, times: int, _: int | None) -> dict[str, float]:
    """Score a store into a new folder."""
    out = str(folder / f"backfill-{times}")
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


def further_documents(taken: Measurement, job: str, documents: int, sizes: list[int]) -> dict[int, tuple[float, ...]]:
    """Size, but for the smallest → seconds that each document more than those of the last size took, by round."""
    further = {}
    for less, more in pairwise(sizes):
        rounds = zip(taken.rounds[f"{job} {less}×"], taken.rounds[f"{job} {more}×"], strict=True)
        further[more] = tuple((longer - shorter) / (documents * (more - less)) for shorter, longer in rounds)
    return further


def rows_of(
    job: str, documents: int, found: dict[str, Measurement], further: dict[str, Measurement], sizes: list[int]
) -> list[list[object]]:
    """The lines of one job: medians, and multiples of those of the smallest size, or of the first documents more."""
    rows = []
    for times in sizes:
        row: list[object] = [job, f"{documents * times:,}"]
        for what in ("seconds", "processor_seconds", "peak_mib"):
            taken, this, first = found[what], f"{job} {times}×", f"{job} {sizes[0]}×"
            grown = 1 if what == "peak_mib" else times / sizes[0]
            ratio = taken.ratio(this, first).times(1 / grown)
            row += [taken.cell(this, unit="").replace("  ", " "), f"× {ratio}" if times > sizes[0] else "1"]
            if what in further:
                row.append(further_cell(further[what], job, times, sizes))
        row.append(found["start_mib"].median(f"{job} {times}×"))
        rows.append(row)
    return rows


def further_cell(further: Measurement, job: str, times: int, sizes: list[int]) -> str:
    """Microseconds of a further document, and how they compare with those of the first documents more."""
    if times == sizes[0]:
        return ""
    this, first = f"{job} {times}×", f"{job} {sizes[1]}×"
    shown = digits(further.median(this) * 1e6)
    return shown if times == sizes[1] else f"{shown}, × {further.ratio(this, first)}"


if __name__ == "__main__":
    main()
