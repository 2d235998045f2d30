"""Scoring on a device with 1 and 100 attention heads of RoBERTa-large's width, in host memory and as a job.

- memory: packed bits in host memory to probabilities in host memory, blocks of 8,192 documents, by as many threads as
  have a turn on the device.
- job: `encore backfill` from a store on disk, in segments of as many documents: plan, read, score, write, list. Its
  start-up (finding, hashing, staging and loading heads of 21 MB each) is measured by a job over one segment; what is
  shown is what the other documents took beyond it: (job - job of one segment) / (documents - those of one segment).

Features are random bits, 1,024 of them a token, 128 bytes; documents are as long as news, T = 43.7 tokens on average;
heads are random, with A = 16 attention heads, one query and C = 3 classes. With H heads, width d = 1,024, V = H · A
weighted sums a document, and b bytes a float (float32 4, float16 2):

    multiply-adds a document = 2 · T · V · d    scores and weighted sums
                             + 2 · H · d²       value projections, hidden layers with the output projection in them
                             + H · d · C        output layers
    TFLOP/s = 2 · multiply-adds · documents / seconds / 10¹²; padding and decoding count nothing
    bytes a document = T · d / 8 + 3 · T · d · b    packed bits read; decoded floats written once and read twice
                     + T · V · (12 + 2 · b)         scores written, read by the softmax, written, read and written and
                                                    read as weights
                     + 2 · V · d · b                weighted sums written and read
    of HBM = bytes · documents / seconds / --peak-gbs: what passes through the device's memory if no cache helps
    of the chip = TFLOP/s / --peak-tflops of the type that is multiplied
    hours for 10⁹ documents = 10⁹ / documents a second / 3,600

The peaks are those of an H200 unless others are given: float32 without TF32, float16 with float32 sums and without
sparsity, and its memory. Whether halves change labels is counted over the first documents, beside the CPU's float32.

    python -m benchmarks.backfill_device [--documents 131072] [--repeats 5] [--publish]
    python -m benchmarks.backfill_device --device cpu --documents 256 --unit 64 --heads 1 4    to try it
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Measurement, digits, measure, timed
from benchmarks.report import Report, arguments
from benchmarks.synthetic_stores import MAX_TOKENS, news_lengths
from encore.featurestore import Catalogue, Change, EncoderSpec, FeatureBlock, FeatureSpec, TextSpec, commit
from encore.featurestore.segments import EncodingCounts, SegmentEntry, write_segment
from encore.heads import Head, Scorer
from encore.heads.scoring import TURNS
from encore.pipelines.backfill import BackfillRequest, backfill
from encore.pipelines.head_placement import scoring_on
from encore.pipelines.runs import available_cores
from tests.documents import document_index
from tests.heads.building import CLASSES, head_of

WIDTH, ATTENTION_HEADS = 1024, 16
FLOAT_BYTES = {"float32": 4, "float16": 2}
COMPARED = 1024
"""Documents whose probabilities are compared with the CPU's."""


def main() -> None:
    """Run the benchmark and print its report."""
    options = parse()
    torch.set_num_threads(available_cores())
    report = Report.begin("backfill-large", options)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(options, Path(name))
        taken = measure(bench.contenders(), options.repeats)
        compared = bench.compared()
    rates = {name: rate for name in taken.rounds if (rate := bench.rate(name, taken)) is not None}
    header = [
        "what",
        "seconds",
        "documents/s",
        "tokens/s",
        "packed GB/s",
        "TFLOP/s",
        "of the chip",
        "of HBM",
        "10⁹ documents, hours",
    ]
    rows = [[name, taken.cell(name), *(rates[name].cells() if name in rates else [""] * 7)] for name in taken.rounds]
    rows += [[f"labels unlike the CPU's, {name}", found, *[""] * 7] for name, found in compared.items()]
    measured = {"seconds": taken, "rates": {name: vars(rate) for name, rate in rates.items()}, "unlike": compared}
    report.end(header, rows, measured)


@dataclass(frozen=True)
class Rate:
    """How fast a contender was.

    Attributes:
        documents, tokens: a second.
        packed_gbs: 10⁹ packed bytes a second.
        tflops: 10¹² floating-point operations a second.
        of_chip: the same as a share of the device's peak.
        of_memory: share of its memory's peak.
        hours: for 10⁹ documents.
    """

    documents: float
    tokens: float
    packed_gbs: float
    tflops: float
    of_chip: float
    of_memory: float
    hours: float

    def cells(self) -> list[object]:
        """As the table shows it."""
        shares = [f"{share:.1%}" for share in (self.of_chip, self.of_memory)]
        return [self.documents, self.tokens, self.packed_gbs, self.tflops, *shares, digits(self.hours)]


def multiply_adds(documents: int, tokens: int, heads: int, width: int, attention_heads: int, classes: int) -> int:
    """What scoring needs: ``tokens`` are those of all documents; attention has one query."""
    pooled = 2 * tokens * heads * attention_heads * width
    return pooled + documents * heads * (2 * width * width + width * classes)


def bytes_moved(documents: int, tokens: int, heads: int, width: int, attention_heads: int, float_bytes: int) -> float:
    """What passes through the device's memory where no cache helps."""
    sums = heads * attention_heads
    decoded = tokens * (width / 8 + 3 * width * float_bytes)
    return decoded + tokens * sums * (12 + 2 * float_bytes) + 2 * documents * sums * width * float_bytes


class Bench:
    """Random documents in memory and in a store, heads, and what is measured over them."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options, self._folder = options, folder
        encoder = EncoderSpec(weights="0" * 64, tokenizer="0" * 64, hidden_size=WIDTH, num_layers=24, name="random")
        self._spec = FeatureSpec.build(encoder, TextSpec(MAX_TOKENS), "mean:16", "tokens", "sign")
        starts = range(0, options.documents, options.unit)
        self._blocks = [random_block(start, min(start + options.unit, options.documents)) for start in starts]
        self._store, self._first = (
            stored(folder / name, self._spec, blocks)
            for name, blocks in (("store", self._blocks), ("first", self._blocks[:1]))
        )
        self._heads = [head_of(self._spec, task=f"task-{seed}", seed=seed) for seed in range(max(options.heads))]
        for seed, head in enumerate(self._heads):
            head.save(self._head_folder(seed))
        self._numbers = count()

    def contenders(self) -> dict[str, Callable[[], float]]:
        """What is measured; each says how many seconds it took."""
        made: dict[str, Callable[[], float]] = {}
        for heads in self._options.heads:
            for dtype in self._options.dtypes:
                made[contender(heads, dtype, "memory")] = self._in_memory(heads, dtype)
                made[contender(heads, dtype, "job")] = self._job(self._store, heads, dtype)
                made[contender(heads, dtype, "job of one segment")] = self._job(self._first, heads, dtype)
        return made

    def rate(self, name: str, taken: Measurement) -> Rate | None:
        """How fast a contender was; None of a job of one segment, and where a job took no longer than that."""
        heads, dtype, way = self._what(name)
        blocks, seconds = self._blocks, taken.median(name)
        if way == "job":
            blocks = blocks[1:]
            seconds -= taken.median(contender(heads, dtype, "job of one segment"))
        documents, tokens = sum(map(len, blocks)), sum(len(block.packed) for block in blocks)
        if way == "job of one segment" or not documents or seconds <= 0:
            return None
        shape = (documents, tokens, heads, WIDTH, ATTENTION_HEADS)
        tflops = 2 * multiply_adds(*shape, len(CLASSES)) / seconds / 1e12
        peak = self._options.peak_tflops[list(FLOAT_BYTES).index(dtype)]
        return Rate(
            documents=documents / seconds,
            tokens=tokens / seconds,
            packed_gbs=tokens * WIDTH / 8 / seconds / 1e9,
            tflops=tflops,
            of_chip=tflops / peak,
            of_memory=bytes_moved(*shape, FLOAT_BYTES[dtype]) / seconds / 1e9 / self._options.peak_gbs,
            hours=1e9 * seconds / documents / 3600,
        )

    def compared(self) -> dict[str, str]:
        """Type → how many labels of the first documents are not those of float32 on the CPU, and how far off."""
        block = self._blocks[0].slice(0, min(COMPARED, len(self._blocks[0])))
        usual = [scores.probabilities for scores in Scorer(self._heads, self._spec).score(block)]
        found = {}
        for dtype in self._options.dtypes:
            own = [scores.probabilities for scores in self._scorer(self._heads, dtype).score(block)]
            pairs = list(zip(own, usual, strict=True))
            other = sum(int((mine.argmax(1) != theirs.argmax(1)).sum()) for mine, theirs in pairs)
            worst = max(float(np.abs(mine - theirs).max()) for mine, theirs in pairs)
            found[dtype] = f"{other} of {len(block) * len(pairs)}, largest difference {digits(worst)}"
        return found

    def _what(self, name: str) -> tuple[int, str, str]:
        """Heads, type and way of a contender's name."""
        ways = ("memory", "job", "job of one segment")
        every = [(heads, dtype, way) for heads in self._options.heads for dtype in self._options.dtypes for way in ways]
        return next(what for what in every if contender(*what) == name)

    def _scorer(self, heads: list[Head], dtype: str) -> Scorer:
        return Scorer(heads, self._spec, *scoring_on(self._options.device, dtype))

    def _head_folder(self, seed: int) -> Path:
        return self._folder / "heads" / str(seed)

    def _in_memory(self, heads: int, dtype: str) -> Callable[[], float]:
        scorer = self._scorer(self._heads[:heads], dtype)
        threads = 1 if self._options.device == "cpu" else TURNS

        def run() -> float:
            with ThreadPoolExecutor(threads) as pool:
                return timed(lambda: list(pool.map(scorer.score, self._blocks)))

        return run

    def _job(self, store: Catalogue, heads: int, dtype: str) -> Callable[[], float]:
        folders = tuple(str(self._head_folder(seed)) for seed in range(heads))

        def run() -> float:
            out = self._folder / f"out-{next(self._numbers)}"
            asked = BackfillRequest(store.uri, folders, str(out), device=self._options.device, dtype=dtype)
            report = backfill(asked)
            if report.exit_code:
                raise RuntimeError(f"the job failed: {report.document['failures']}")
            # It holds copies of the heads.
            shutil.rmtree(out)
            return float(report.document["wall_seconds"])

        return run


def contender(heads: int, dtype: str, way: str) -> str:
    """How the table calls it."""
    return f"{heads} head{'' if heads == 1 else 's'}, {dtype}, {way}"


def random_block(start: int, stop: int) -> FeatureBlock:
    """Documents from start to stop with random bits; the same for the same start."""
    random = np.random.default_rng(start)
    lengths = news_lengths(stop - start, random)
    ids = [f"document-{number:09d}" for number in range(start, stop)]
    packed = random.integers(0, 256, (lengths.sum(), WIDTH // 8), np.uint8)
    return FeatureBlock(document_index(ids, ids, lengths.tolist()), packed, np.cumsum([0, *lengths]))


def stored(folder: Path, spec: FeatureSpec, blocks: list[FeatureBlock]) -> Catalogue:
    """A committed store, each block a segment."""
    store = Catalogue.create(str(folder), spec)
    entries = []
    for block in blocks:
        counts = EncodingCounts(len(block.packed), len(block.packed))
        name = store.segment_for(block.index)
        entries.append(SegmentEntry.of(write_segment(store.objects, name, block, store.spec, counts, codec="none")))
    return commit(store, Change(store.version, "encode", entries))


def parse() -> argparse.Namespace:
    """Command line of the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--documents", type=int, default=131_072)
    parser.add_argument("--unit", type=int, default=8192, help="documents of a block and of a segment")
    parser.add_argument("--heads", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtypes", nargs="+", choices=FLOAT_BYTES, help="both, and float32 alone on the CPU")
    parser.add_argument("--peak-tflops", type=float, nargs=2, default=[67.0, 989.0], metavar=("FLOAT32", "FLOAT16"))
    parser.add_argument("--peak-gbs", type=float, default=4800.0, help="of the device's memory, in 10⁹ bytes a second")
    options: Any = parser.parse_args()
    options.dtypes = options.dtypes or (["float32"] if options.device == "cpu" else list(FLOAT_BYTES))
    for dtype in options.dtypes:
        scoring_on(options.device, dtype)
    return options


if __name__ == "__main__":
    main()
