"""Compaction of many small segments beside copying their files, and scans before it and after it.

Each repeat copies the store twice, with ``cp -r`` and by reading every object and writing it elsewhere as compaction
reads and writes, and compacts one of the copies. Peak memory is that of a process of its own. The files are in the page
cache. Features are sign bits of 384 dimensions, 50 tokens a document.

    python -m benchmarks.store [--segments 100 250] [--segment-kb 200] [--repeats 3]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peak import peak_mib
from encore.featurestore import Catalogue, Change, FeatureBlock, commit
from encore.featurestore.rewriting import compact
from encore.featurestore.segments import EncodingCounts, SegmentEntry, write_segment
from encore.featurestore.storage import Objects
from tests.documents import document_index, packed_numbers
from tests.featurestore.building import spec_of

TOKENS = 50
WIDTH = 384


def main() -> None:
    """Run the benchmark and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, nargs="+", default=[100, 250])
    parser.add_argument("--segment-kb", type=int, default=200, help="packed features of a segment")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(memory_of_compaction(options.measure)))
        return
    results = {count: measured(count, options.segment_kb, options.repeats) for count in options.segments}
    peaks = [result["peak_mib"]["compaction"] for result in results.values()]
    document = {
        "benchmark": "store",
        "segment_kb": options.segment_kb,
        "repeats": options.repeats,
        "segments": results,
        "largest_peak_to_smallest": round(max(peaks) / min(peaks), 3),
    }
    print(json.dumps(document, indent=1))


def measured(segments: int, segment_kb: int, repeats: int) -> dict[str, Any]:
    """Medians of the seconds that each step takes, and their ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(str(folder / "store"), segments, segment_kb)
        # The first repeat warms up and is left out.
        rounds = [one_round(folder) for _ in range(repeats + 1)][1:]
        shutil.copytree(folder / "store", folder / "copy")
        words = [sys.executable, "-m", "benchmarks.store", f"--measure={folder / 'copy'}"]
        peak = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
        stored = Catalogue.open(str(folder / "store")).manifest.counts["stored_bytes"]
    seconds = {step: statistics.median(seconds[step] for seconds in rounds) for step in rounds[0]}
    ratios = {
        "compaction_to_cp": [r["compaction"] / r["cp"] for r in rounds],
        "compaction_to_objects_copied": [r["compaction"] / r["objects_copied"] for r in rounds],
        "scan_after_to_before": [r["scan_after"] / r["scan_before"] for r in rounds],
    }
    return {
        "stored_mb": round(stored / 1e6, 1),
        "seconds": {step: round(value, 3) for step, value in seconds.items()},
        "ratio": {name: round(statistics.median(values), 3) for name, values in ratios.items()},
        "peak_mib": peak,
    }


def one_round(folder: Path) -> dict[str, float]:
    """Seconds of each step, side by side."""
    store, copy, other = folder / "store", folder / "copy", folder / "other"
    seconds = {
        "cp": timed(lambda: subprocess.run(["cp", "-r", str(store), str(copy)], check=True)),
        "objects_copied": timed(lambda: copy_objects(store, other)),
        "scan_before": timed(lambda: scan(copy)),
        "compaction": timed(lambda: compact(Catalogue.open(str(copy)))),
        "scan_after": timed(lambda: scan(copy)),
    }
    print(json.dumps({step: round(value, 3) for step, value in seconds.items()}), file=sys.stderr)
    shutil.rmtree(copy)
    shutil.rmtree(other)
    return seconds


def timed(step: Callable[[], object]) -> float:
    """Seconds that a step takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def copy_objects(store: Path, other: Path) -> None:
    """Every object, one by one: what a copy costs through the interface that compaction uses."""
    source, target = Objects.open(str(store)), Objects.open(str(other), make=True)
    for path, _ in source.walk():
        target.put(path, source.get(path))


def scan(folder: Path) -> int:
    """Rows of a whole scan."""
    return sum(len(block.packed) for block in Catalogue.open(str(folder)).scan())


def build(folder: str, segments: int, segment_kb: int) -> None:
    """A store of so many segments."""
    store = Catalogue.create(folder, spec_of("sign", width=WIDTH))
    random = np.random.default_rng(0)
    documents = max(1, segment_kb * 1024 // (TOKENS * store.spec.row_bytes))
    lengths = [TOKENS] * documents
    entries = []
    for segment in range(segments):
        ids = [f"document-{segment}-{i}" for i in range(documents)]
        packed = packed_numbers(store.spec, TOKENS * documents, random)
        block = FeatureBlock(document_index(ids, ids, lengths), packed, np.arange(documents + 1) * TOKENS)
        counts = EncodingCounts(len(packed), len(packed))
        name = store.segment_for(block.index)
        entries.append(SegmentEntry.of(write_segment(store.objects, name, block, store.spec, counts, codec="none")))
    commit(store, Change(store.version, "encode", entries))


def memory_of_compaction(folder: str) -> dict[str, float]:
    """Peak MiB of this process before and after it compacts the store."""
    store = Catalogue.open(folder)
    before = peak_mib()
    compact(store)
    return {"before": before, "compaction": peak_mib()}


if __name__ == "__main__":
    main()
