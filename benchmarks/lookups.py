"""Random reads among many documents: opening, the first and later gathers of random ids, with their requests.

The store is synthetic: documents of one or two tokens, random features. The files are in the page cache.

    python -m benchmarks.lookups [--documents 200000] [--segments 10] [--ids 1000] [--width 8] [--repeats 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.peak import peak_mib
from encore.featurestore import Catalogue, Change, FeatureBlock, commit
from encore.featurestore.documents import key_hashes
from encore.featurestore.segments import EncodingCounts, SegmentEntry, write_segment
from encore.featurestore.storage import Objects
from tests.featurestore.building import spec_of


def main() -> None:
    """Build the store, measure in a process of its own, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--segments", type=int, default=10)
    parser.add_argument("--ids", type=int, default=1000)
    parser.add_argument("--width", type=int, default=8, help="floats of a vector, each stored as one bit")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        build(folder, options)
        print(f"built in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        # Another process, so that neither memory nor caches of the building count.
        words = [f"--{name}={value}" for name, value in vars(options).items() if name != "measure"]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.lookups", *words, f"--measure={folder}"],
            check=True,
            capture_output=True,
            text=True,
        )
    sizes = {name: getattr(options, name) for name in ("documents", "segments", "ids", "width")}
    print(json.dumps({"benchmark": "lookups", **sizes, **json.loads(done.stdout)}, indent=1))


def build(folder: str, options: argparse.Namespace) -> None:
    """A store of so many documents, evenly spread over so many segments."""
    store = Catalogue.create(folder, spec_of("sign", width=options.width))
    random = np.random.default_rng(0)
    bounds = np.linspace(0, options.documents, options.segments + 1).astype(int)
    entries = []
    for start, stop in pairwise(bounds.tolist()):
        lengths = random.integers(1, 3, stop - start)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        packed = random.integers(0, 256, (offsets[-1], *store.spec.packed_shape), np.uint8)
        block = FeatureBlock(index_of(range(start, stop), lengths, random), packed, offsets)
        counts = EncodingCounts(len(packed), len(packed))
        name = store.segment_for(block.index)
        entries.append(SegmentEntry.of(write_segment(store.objects, name, block, store.spec, counts, codec="none")))
    commit(store, Change(store.version, "encode", entries))


def index_of(numbers: range, lengths: npt.NDArray[np.int64], random: np.random.Generator) -> pa.Table:
    """A document index; text digests are random, since nobody looks at the texts."""
    ids = pa.array(map(doc_id, numbers), pa.string())
    digests = pa.py_buffer(random.bytes(32 * len(ids)))
    tokens = pa.array(lengths.astype(np.int32))
    return pa.table(
        {
            "doc_id": ids,
            "key_hash": key_hashes(ids),
            "text_digest": pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(ids), [None, digests]),
            "n_tokens": tokens,
            "truncated": pa.array(np.zeros(len(ids), bool)),
            "n_first_tokens": tokens,
        }
    )


def doc_id(number: int) -> str:
    """The id of a document of the synthetic corpus."""
    return f"document-{number}"


class CountingObjects(Objects):
    """Counts what is asked of storage, as an object store would be asked: by kind of request."""

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects.raw, objects.uri)
        self.requests: Counter[str] = Counter()

    def get(self, path: str) -> bytes:
        """Count and read."""
        self.requests["get"] += 1
        return super().get(path)

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Count and read."""
        self.requests["get_range"] += 1
        return super().get_range(path, start, length)


def measure(folder: str, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of opening and of gathers of random ids, each of other ids than the one before; memory and requests."""
    before = peak_mib()
    started = time.perf_counter()
    opened = Catalogue.open(folder)
    seconds_open = time.perf_counter() - started
    objects = CountingObjects(opened.objects)
    store = Catalogue(objects, opened.spec, opened.manifest)
    random = np.random.default_rng(1)
    seconds, processor, requests = [], [], []
    for _ in range(options.repeats + 1):
        ids = [doc_id(number) for number in random.choice(options.documents, options.ids, replace=False)]
        objects.requests.clear()
        started, used = time.perf_counter(), time.process_time()
        block = store.gather(ids)
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
        requests.append(dict(objects.requests))
        if block.doc_ids.to_pylist() != ids:
            raise RuntimeError("gather gave other documents than were asked for")
    return {
        "open_seconds": round(seconds_open, 4),
        "first_gather_seconds": round(seconds[0], 3),
        "later_gather_seconds": round(statistics.median(seconds[1:]), 3),
        "gather_processor_seconds": round(statistics.median(processor), 3),
        "requests_of_first_gather": requests[0],
        "requests_of_later_gather": requests[-1],
        "peak_mib_before": before,
        "peak_mib": peak_mib(),
    }


if __name__ == "__main__":
    main()
