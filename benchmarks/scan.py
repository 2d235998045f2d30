"""`Catalogue.scan` beside a plain `read()` of the same files, page cache warm, in packed bytes a second.

Read is every object of every segment, read whole and dropped at once: nothing that gives the bytes to a program does
less. It takes the stored bytes, fewer than the packed ones where a codec has made them so. Each file lands in the
memory that the last one has just left, and so in the processor's caches. The scan drops its blocks at once, too.

- with ids: the scan of somebody who looks at the ids of the documents, for which they have to be decoded.
- kept: both keep all that they read, as a training set is kept, in memory that comes fresh from the kernel.
- codec alone: of chunks that lie in memory, on one thread. Where a scan is not much slower than that, there is nothing
  left to gain from reading.
- all cores: as many threads, each taking one segment after another.

    python -m benchmarks.scan [--megabytes 100] [--store FOLDER ...] [--repeats 7]

Without ``--store`` the stores hold features of some thousand texts under many ids, as minilm makes them: how far and
how fast a codec works is a matter of the numbers.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.machine import available_cores
from benchmarks.measure import Measurement, Ratio, measure
from benchmarks.report import Report, arguments
from benchmarks.synthetic_stores import TextDocuments, synthetic_store
from encore.featurestore import Catalogue
from encore.featurestore.segments import SegmentEntry, attempt_path, decoder, record_path
from encore.pipelines.runs import give_back_freed_memory

STORES = (("sign", "none"), ("uint8", "none"), ("uint8", "zstd"), ("float16", "none"), ("float16", "blosc"))
BITS = {"sign": 1, "uint8": 8, "float16": 16}
"""Of a packed number."""
HEADER = [
    "quantizer, codec",
    "packed MB",
    "read, GB/s",
    "scan, packed GB/s",
    "scan / read",
    "in processor time",
    "with ids",
    "read, kept, GB/s",
    "scan / read, kept",
    "codec alone, GB/s",
    "scan / read, all cores",
]


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__, repeats=7)
    parser.add_argument(
        "--megabytes", type=int, default=100, help="packed, of each synthetic store; of all news: 100 in sign"
    )
    parser.add_argument("--store", type=Path, action="append", help="a store on this disk, instead of synthetic ones")
    options = parser.parse_args()
    report = Report.begin("scan", options)
    rows, measured = [], {}
    with tempfile.TemporaryDirectory() as name:
        if options.store:
            stores = {folder.name: Catalogue.open(str(folder)) for folder in options.store}
        else:
            texts = TextDocuments.encode(Path(name) / "texts")
            stores = {
                f"{quantizer}, {codec}": synthetic_store(
                    Path(name) / f"{number}",
                    texts.in_bytes(options.megabytes * 1e6, BITS[quantizer]),
                    quantizer,
                    codec,
                    texts,
                )
                for number, (quantizer, codec) in enumerate(STORES)
            }
        for title, store in stores.items():
            noted: dict[str, list[float]] = {}
            steps = {name: noting(noted.setdefault(name, []), step) for name, step in contenders(store).items()}
            taken = measure(steps, options.repeats)
            processor = Measurement({name: tuple(values[-options.repeats :]) for name, values in noted.items()})
            rows.append(row_of(title, store, taken, processor))
            measured[title] = {
                "packed_bytes": packed_bytes(store),
                "stored_bytes": stored_bytes(store),
                "seconds": taken,
                "processor_seconds": processor,
                "speed_to_read_in_processor_time": speed(store, processor, ""),
                "speed_to_read": speed(store, taken, ""),
                "speed_to_read_with_ids": speed(store, taken, "", ", with ids"),
                "speed_to_read_kept": speed(store, taken, ", kept"),
                "speed_to_read_all_cores": speed(store, taken, ", all cores"),
            }
    report.end(HEADER, rows, measured)


def contenders(store: Catalogue) -> dict[str, Callable[[], None]]:
    """What is compared, each over the whole store."""
    files = {entry.segment: files_of(store, entry) for entry in store.entries}

    def read_segment(entry: SegmentEntry) -> None:
        for file in files[entry.segment]:
            file.read_bytes()

    return {
        "read": lambda: exhaust(map(read_segment, store.entries)),
        "scan": lambda: exhaust(store.scan()),
        "scan, with ids": lambda: exhaust(block.doc_ids for block in store.scan()),
        "read, kept": lambda: exhaust([[file.read_bytes() for file in group] for group in files.values()]),
        "scan, kept": lambda: exhaust(list(store.scan())),
        "decode": decode_of(store),
        "read, all cores": lambda: on_all_cores(read_segment, store),
        "scan, all cores": lambda: on_all_cores(lambda entry: exhaust(store.features.scan_segment(entry)), store),
    }


def noting(processor: list[float], step: Callable[[], None]) -> Callable[[], float]:
    """A step that notes its processor seconds, which meet less of what else the machine does, and says its seconds."""

    def run() -> float:
        # What the last step has freed would be used again by some steps and not by others.
        give_back_freed_memory()
        used, started = time.process_time(), time.perf_counter()
        step()
        seconds = time.perf_counter() - started
        processor.append(time.process_time() - used)
        return seconds

    return run


def exhaust(items: Iterable[object]) -> None:
    """Take every item and drop it."""
    deque(items, maxlen=0)


def on_all_cores(step: Callable[[SegmentEntry], None], store: Catalogue) -> None:
    """Do something with every segment, as many at a time as there are cores."""
    with ThreadPoolExecutor(available_cores()) as pool:
        exhaust(pool.map(step, store.entries))


def decode_of(store: Catalogue) -> Callable[[], None]:
    """The codec's work on all chunks: those of one segment, as many times as there are segments."""
    shard = store.reader(store.entries[0])._features  # noqa: SLF001 (what a scan does with a chunk, without the reading)
    data = np.fromfile(Path(store.uri, shard.path), np.uint8)
    chunks = [data[begin : end - 4] for begin, end in shard._index.tolist()]  # noqa: SLF001 (as above)
    size = shard.layout.chunk_bytes
    decode, out = decoder(shard.layout.codec), np.empty(size, np.uint8)
    times = round(packed_bytes(store) / store.entries[0].payload_bytes)

    def run() -> None:
        for chunk in chunks * times:
            decode(chunk, size, out)

    return run


def row_of(title: str, store: Catalogue, taken: Measurement, processor: Measurement) -> list[object]:
    """The line of one store: bytes a second, and how they compare."""
    packed, stored = packed_bytes(store), stored_bytes(store)
    return [
        title,
        f"{packed / 1e6:,.0f}",
        taken.per_second("read", stored / 1e9),
        taken.per_second("scan", packed / 1e9),
        speed(store, taken, ""),
        speed(store, processor, ""),
        speed(store, taken, "", ", with ids"),
        taken.per_second("read, kept", stored / 1e9),
        speed(store, taken, ", kept"),
        "–" if store.reader(store.entries[0]).codec == "none" else taken.per_second("decode", packed / 1e9),
        speed(store, taken, ", all cores"),
    ]


def speed(store: Catalogue, taken: Measurement, how: str, scanned: str | None = None) -> Ratio:
    """Packed bytes a second of a scan as a share of the stored bytes a second of reading.

    Both are done in one way, or the scan in another.
    """
    ratio = taken.ratio(f"read{how}", f"scan{how if scanned is None else scanned}")
    return ratio.times(packed_bytes(store) / stored_bytes(store))


def packed_bytes(store: Catalogue) -> int:
    """Bytes of all features as a scan gives them."""
    return sum(entry.payload_bytes for entry in store.entries)


def stored_bytes(store: Catalogue) -> int:
    """Bytes of all objects that a plain read takes."""
    return sum(file.stat().st_size for entry in store.entries for file in files_of(store, entry))


def files_of(store: Catalogue, entry: SegmentEntry) -> list[Path]:
    """The objects of a segment that a scan reads, its completion record included."""
    folder = Path(store.uri, attempt_path(entry.segment, entry.attempt))
    return [Path(store.uri, record_path(entry.segment)), *(file for file in folder.rglob("*") if file.is_file())]


if __name__ == "__main__":
    main()
