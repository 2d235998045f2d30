"""A store of many segments, of which there are lists and manifests alone: opening, listing and committing.

The lists are those that so many commits leave behind. One real segment is committed, by a writer that has just opened
the store, and another by a writer that somebody else was faster than.

    python -m benchmarks.scale [--segments 100000] [--documents 1000000000] [--commits 40] [--repeats 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.peak import peak_mib
from encore.featurestore import Catalogue, Change, commit
from encore.featurestore.history import version_log
from encore.featurestore.segments import ENTRY_SCHEMA, SegmentEntry
from tests.featurestore.building import spec_of, write

TOKENS = 50


def main() -> None:
    """Run the benchmark and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=100_000)
    parser.add_argument("--documents", type=int, default=1_000_000_000)
    parser.add_argument("--commits", type=int, default=40, help="commits that the segments came in")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        build(folder, options)
        store = Catalogue.open(folder)
        lists = [part.entries for part in store.manifest.lists]
        listed_bytes = sum(size for _, size in store.objects.walk("lists"))
        # The first repeat warms up and is left out.
        rounds = [one_round(folder, repeat) for repeat in range(options.repeats + 1)][1:]
    document = {
        "benchmark": "scale",
        "segments": options.segments,
        "documents": options.documents,
        "lists": lists,
        "bytes_of_lists_ever_written": listed_bytes,
        "seconds": {step: round(statistics.median(seconds[step] for seconds in rounds), 4) for step in rounds[0]},
        "peak_mib": peak_mib(),
    }
    print(json.dumps(document, indent=1))


def build(folder: str, options: argparse.Namespace) -> None:
    """Publish entries of segments that are not there, in commits of equal size."""
    store = Catalogue.create(folder, spec_of("sign", width=384))
    log = version_log(store.objects)
    manifest = log.latest()
    counts = dict.fromkeys(("segments", "documents", "deleted", "tokens", "payload_bytes", "stored_bytes"), 0)
    bounds = np.linspace(0, options.segments, options.commits + 1).astype(int)
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        entries = entries_of_nothing(stop - start, options.documents // options.segments, store.spec.row_bytes, start)
        for name in ("documents", "tokens", "payload_bytes", "stored_bytes"):
            counts[name] += sum(entries[name].to_pylist())
        counts["segments"] = stop
        published = log.publish(manifest, "encode", counts, entries)
        if published is None:
            raise RuntimeError("somebody else writes to the store")
        manifest = published


def entries_of_nothing(segments: int, documents: int, row_bytes: int, seed: int) -> pa.Table:
    """Rows of a segment list, with names as random as real ones."""
    random = np.random.default_rng(seed)
    names = [[random.bytes(size).hex() for _ in range(segments)] for size in (16, 16, 32)]
    rows = documents * TOKENS
    numbers = [documents, rows, rows, rows * row_bytes, rows * row_bytes + 60 * documents]
    columns = [*names, *([number] * segments for number in numbers), [None] * segments, [0] * segments]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, ENTRY_SCHEMA, strict=True)],
        schema=ENTRY_SCHEMA,
    )


def one_round(folder: str, repeat: int) -> dict[str, float]:
    """Seconds of each step, each from a store that was just opened."""
    return {
        "open": timed(lambda: Catalogue.open(folder).manifest.counts),
        "open_and_list": timed(lambda: len(Catalogue.open(folder))),
        "open_and_commit": timed(lambda: commit_one(Catalogue.open(folder), f"{repeat} a")),
        "commit_after_another": timed_commit_after_another(folder, repeat),
    }


def timed(step: Callable[[], Any]) -> float:
    """Seconds that a step takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def commit_one(store: Catalogue, name: str) -> Catalogue:
    """Write a segment of one document and commit it."""
    return commit(store, Change(store.version, "encode", [SegmentEntry.of(write(store, {name: name}))]))


def timed_commit_after_another(folder: str, repeat: int) -> float:
    """Seconds of a commit that has to be worked out anew on another writer's, lists read before."""
    late = Catalogue.open(folder)
    _ = late.listed
    commit_one(Catalogue.open(folder), f"{repeat} b")
    return timed(lambda: commit_one(late, f"{repeat} c"))


if __name__ == "__main__":
    main()
