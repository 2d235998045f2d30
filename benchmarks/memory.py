"""Peak memory of encode and of backfill over corpora of different size, each in a process of its own.

A tiny random encoder leaves the model's own memory out of the picture.

    python -m benchmarks.memory [CORPUS.parquet] [--documents 5000 40000] [--unit-rows 1024]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.corpus import default_corpus
from tests.models import tiny_bert

SELF = "import sys; from cli.main import main; sys.argv[0] = 'encore'; main()"


def main() -> None:
    """Run the benchmark and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", help="Parquet with columns doc_id and text")
    parser.add_argument("--documents", type=int, nargs="+", default=[5000, 40000])
    parser.add_argument("--unit-rows", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = options.corpus or str(default_corpus(folder))
        encoder = str(tiny_bert(folder / "encoder", hidden=64, max_positions=256))
        peaks = {count: measure(corpus, count, options.unit_rows, encoder, folder) for count in options.documents}
    ratios = {
        job: round(max(p[job] for p in peaks.values()) / min(p[job] for p in peaks.values()), 3)
        for job in ("encode", "backfill")
    }
    print(
        json.dumps(
            {"benchmark": "memory", "unit_rows": options.unit_rows, "peak_mib": peaks, "largest_to_smallest": ratios},
            indent=1,
        )
    )


def measure(corpus: str, count: int, unit_rows: int, encoder: str, folder: Path) -> dict[str, float]:
    """Peak MiB of each job over the first ``count`` documents."""
    documents = pq.read_table(corpus).slice(0, count)
    pq.write_table(documents, folder / "corpus.parquet", row_group_size=10_000)
    store = folder / f"store-{count}"
    peaks = {
        "encode": peak_mib(
            *("encode", str(folder / "corpus.parquet"), "--store", str(store), "--encoder", encoder),
            *("--unit-rows", str(unit_rows), "--device", "cpu"),
        )
    }
    ids = documents["doc_id"].slice(0, 200)
    labels = pa.table({"doc_id": ids, "label": ["even" if i % 2 == 0 else "odd" for i in range(len(ids))]})
    pq.write_table(labels, folder / "labels.parquet")
    head = folder / f"head-{count}"
    peak_mib(
        *("train", str(folder / "labels.parquet"), "--store", str(store), "--out", str(head), "--task", "parity"),
        *("--epochs", "1"),
    )
    peaks["backfill"] = peak_mib(
        "backfill", "--store", str(store), "--head", str(head), "--out", str(folder / f"out-{count}")
    )
    return peaks


def peak_mib(*words: str) -> float:
    """Largest resident memory of one run of the command, in MiB."""
    # A process of its own measures the command: the largest child so far would hide a smaller one after it.
    code = (
        "import json, resource, subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-c', sys.argv[1], *sys.argv[2:]], capture_output=True, text=True)\n"
        "sys.stderr.write(done.stderr if done.returncode else '')\n"
        "print(json.dumps([done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))"
    )
    done = subprocess.run([sys.executable, "-c", code, SELF, *words], check=True, capture_output=True, text=True)
    status, kib = json.loads(done.stdout.splitlines()[-1])
    if status:
        raise RuntimeError(f"encore {words[0]} ended with {status}: {done.stderr}")
    print(f"{words[0]}: {kib / 1024:.0f} MiB", file=sys.stderr)
    return round(kib / 1024, 1)


if __name__ == "__main__":
    main()
