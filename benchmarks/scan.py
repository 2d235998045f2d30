"""`Store.scan` beside a plain `read()` of the same files, page cache warm, in packed bytes a second.

Read is every object of every segment, read whole and dropped at once: nothing that gives the bytes to a program does
less. It takes the stored bytes, fewer than the packed ones where a codec has made them so. On several threads, each
takes one segment after another. `decode` is what the codec alone takes, of chunks that lie in memory, on one thread:
where a scan is not much slower than that, there is nothing left to gain from reading.

    python -m benchmarks.scan [--documents 12000] [--store FOLDER ...] [--repeats 7]

Without ``--store`` the stores are synthetic: random features of 384 dimensions, in documents as long as news.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.machine import available_cores
from benchmarks.measure import Measurement, Ratio, measure
from benchmarks.report import Report, arguments
from benchmarks.synthetic import synthetic_store
from featurestore import Store
from featurestore.codecs import decoder
from featurestore.entries import SegmentEntry
from featurestore.records import attempt_path, record_path

STORES = (("sign", "none"), ("uint8", "none"), ("uint8", "zstd"), ("float16", "none"), ("float16", "blosc"))
HEADER = [
    "quantizer, codec",
    "packed MB",
    "read, GB/s",
    "scan, packed GB/s",
    "scan / read",
    "codec alone, GB/s",
    "read, all cores",
    "scan, all cores",
    "scan / read",
]


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__, repeats=7)
    parser.add_argument("--documents", type=int, default=12_000, help="of each synthetic store")
    parser.add_argument("--store", type=Path, action="append", help="a store on this disk, instead of synthetic ones")
    options = parser.parse_args()
    report = Report.begin("scan", options)
    rows, measured = [], {}
    with tempfile.TemporaryDirectory() as name:
        if options.store:
            stores = {folder.name: Store.open(str(folder)) for folder in options.store}
        else:
            stores = {
                f"{quantizer}, {codec}": synthetic_store(Path(name) / f"{number}", options.documents, quantizer, codec)
                for number, (quantizer, codec) in enumerate(STORES)
            }
        for title, store in stores.items():
            taken = measure(contenders(store), options.repeats)
            rows.append(row_of(title, store, taken))
            measured[title] = {
                "packed_bytes": packed_bytes(store),
                "stored_bytes": stored_bytes(store),
                "seconds": taken,
                "speed_to_read": speed(store, taken, ""),
                "speed_to_read_all_cores": speed(store, taken, ", all cores"),
            }
    report.end(HEADER, rows, measured)


def contenders(store: Store) -> dict[str, Callable[[], None]]:
    """What is compared, each over the whole store."""
    files = {entry.segment: files_of(store, entry) for entry in store.entries}

    def read_segment(entry: SegmentEntry) -> None:
        for file in files[entry.segment]:
            file.read_bytes()

    return {
        "read": lambda: exhaust(map(read_segment, store.entries)),
        "scan": lambda: exhaust(store.scan()),
        "decode": decode_of(store),
        "read, all cores": lambda: on_all_cores(read_segment, store),
        "scan, all cores": lambda: on_all_cores(lambda entry: exhaust(store.scan_segment(entry)), store),
    }


def exhaust(items: Iterator[object]) -> None:
    """Take every item and drop it."""
    deque(items, maxlen=0)


def on_all_cores(step: Callable[[SegmentEntry], None], store: Store) -> None:
    """Do something with every segment, as many at a time as there are cores."""
    with ThreadPoolExecutor(available_cores()) as pool:
        exhaust(pool.map(step, store.entries))


def decode_of(store: Store) -> Callable[[], None]:
    """The codec's work on all chunks: those of one segment, as many times as there are segments."""
    shard = store.reader(store.entries[0])._features  # noqa: SLF001 (what a scan does with a chunk, without the reading)
    data = np.fromfile(Path(store.uri, shard.path), np.uint8)
    chunks = [data[begin : end - 4] for begin, end in shard._index.tolist()]  # noqa: SLF001 (as above)
    decode, out = decoder(shard.layout.codec), np.empty(shard.layout.chunk_bytes, np.uint8)
    times = round(packed_bytes(store) / store.entries[0].payload_bytes)

    def run() -> None:
        for chunk in chunks * times:
            decode(chunk, out)

    return run


def row_of(title: str, store: Store, taken: Measurement) -> list[object]:
    """The line of one store: bytes a second, and how they compare."""
    packed, stored = packed_bytes(store), stored_bytes(store)
    return [
        title,
        f"{packed / 1e6:,.0f}",
        taken.per_second("read", stored / 1e9),
        taken.per_second("scan", packed / 1e9),
        speed(store, taken, ""),
        "–" if store.reader(store.entries[0]).codec == "none" else taken.per_second("decode", packed / 1e9),
        taken.per_second("read, all cores", stored / 1e9),
        taken.per_second("scan, all cores", packed / 1e9),
        speed(store, taken, ", all cores"),
    ]


def speed(store: Store, taken: Measurement, threads: str) -> Ratio:
    """Packed bytes a second of a scan as a share of the stored bytes a second of reading."""
    return taken.ratio(f"read{threads}", f"scan{threads}").times(packed_bytes(store) / stored_bytes(store))


def packed_bytes(store: Store) -> int:
    """Bytes of all features as a scan gives them."""
    return sum(entry.payload_bytes for entry in store.entries)


def stored_bytes(store: Store) -> int:
    """Bytes of all objects that a plain read takes."""
    return sum(file.stat().st_size for entry in store.entries for file in files_of(store, entry))


def files_of(store: Store, entry: SegmentEntry) -> list[Path]:
    """The objects of a segment that a scan reads, its completion record included."""
    folder = Path(store.uri, attempt_path(entry.segment, entry.attempt))
    return [Path(store.uri, record_path(entry.segment)), *(file for file in folder.rglob("*") if file.is_file())]


if __name__ == "__main__":
    main()
