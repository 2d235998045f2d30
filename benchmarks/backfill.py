"""The backfill job with 1, 14 and 100 attention heads, beside what one would do otherwise, with all cores.

- job: `encore backfill` as it comes, over 1-bit, 8-bit and half-precision stores: plan, read, score, write, list.
- reading alone: the same store read in one thread as the job reads it, ids included, and dropped.
- 14 passes: 14 jobs of one head each, over the 1-bit store.
- nn.MultiheadAttention: the same head as torch has it, over dequantized floats that are padded, sorted by length and in
  memory already; its probabilities are seen to be the job's.
- re-encoding: plain transformers over batches of 32 texts, tokenized and sorted by length beforehand; and the same over
  the model as Encore loads it.

The stores hold features of some thousand texts of the corpus under many ids, as minilm makes them; heads are random.
Every number is for one document; 100 heads score a fourth of the documents. Beside the wall clock stands the processor
time of all threads: on a machine that others use too, it is the fairer one.

Reading is given twice: the share of workers × wall clock for which scoring waited for it, and the processor time of
reading alone as a share of the job's.

    python -m benchmarks.backfill [CORPUS.parquet] [--documents 47668] [--repeats 5] [--publish]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModel, AutoTokenizer

from benchmarks.corpus import default_corpus
from benchmarks.measure import Contender, Measurement, Ratio, measure
from benchmarks.report import Report, arguments
from benchmarks.synthetic_stores import UNIT, Documents, TextDocuments, synthetic_store
from encore.encoders.files import find_files
from encore.featurestore import Catalogue, FeatureBlock
from encore.heads import Head, HeadModel, Scorer
from encore.heads.model import AttentionPooling
from encore.pipelines.backfill import BackfillRequest, backfill
from encore.pipelines.encoding import resident_encoder
from encore.pipelines.flow import BLOCK_BYTES
from encore.pipelines.runs import JobReport, available_cores
from tests.heads.building import head_of

STORES = {
    "sign": ("sign", "none"),
    "uint8": ("uint8", "zstd"),
    "uint8, no codec": ("uint8", "none"),
    "float16": ("float16", "blosc"),
    "float16, no codec": ("float16", "none"),
}
"""Quantizer and codec; where nothing is said of a codec, it is the quantizer's own."""
HEADS = (1, 14, 100)
BATCH = 32
ENCODED = 1200
"""Documents that are encoded again and scored with nn.MultiheadAttention: enough that batches are of one length."""


def main() -> None:
    """Run the benchmark and print its report."""
    parser = arguments(__doc__)
    parser.add_argument("corpus", nargs="?", help="Parquet with columns doc_id and text")
    parser.add_argument("--documents", type=int, default=47_668, help="as many as news has")
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES))
    parser.add_argument("--encoder", default="minilm")
    options = parser.parse_args()
    torch.set_num_threads(available_cores())
    report = Report.begin("backfill", options)
    clocks = Clocks()
    with tempfile.TemporaryDirectory() as name:
        options.corpus = options.corpus or str(default_corpus(Path(name)))
        jobs = Jobs(Path(name), TextDocuments.encode(Path(name) / "texts", options.corpus))
        steps: dict[str, Step] = {}
        for store in ("sign", *(other for other in options.stores if other != "sign")):
            for heads in HEADS if store in ("sign", "uint8", "float16") else HEADS[:1]:
                documents = options.documents // 4 if heads == max(HEADS) else options.documents
                steps[job_name(store, heads)] = jobs.job(store, documents, heads)
            steps[reading_name(store)] = jobs.reading(store, options.documents)
        steps["14 passes"] = jobs.passes("sign", options.documents, 14)
        steps["nn.MultiheadAttention"] = multihead(jobs.store("sign", options.documents))
        steps["re-encoding"] = reencoding(options, own=False)
        steps["re-encoding, own model"] = reencoding(options, own=True)
        wall = measure({name: clocks.watched(name, *step) for name, step in steps.items()}, options.repeats)
    processor, waited = clocks.processor(options.repeats), clocks.waited(options.repeats)
    reading = {
        job_name(store, heads): processor.median(reading_name(store)) / processor.median(job_name(store, heads))
        for store in STORES
        for heads in HEADS
        if job_name(store, heads) in steps
    }
    ratios, in_processor = compare(wall), compare(processor)
    rows = [
        [
            name,
            wall.cell(name, 1e6, "µs"),
            processor.cell(name, 1e6, "µs"),
            f"{1 / wall.median(name):,.0f}",
            f"{waited.median(name):.1%}" if name in waited.rounds else "",
            f"{reading[name]:.1%}" if name in reading else "",
            "; ".join(f"{ratio} × {other}" for other, ratio in ratios.get(name, {}).items()),
            "; ".join(map(str, in_processor.get(name, {}).values())),
        ]
        for name in steps
    ]
    report.end(
        [
            "what",
            "a document",
            "processor time",
            "documents a second",
            "waited for reading",
            "reading, of processor time",
            "as fast as",
            "in processor time",
        ],
        rows,
        {
            "seconds a document": wall,
            "processor seconds a document": processor,
            "times as fast": ratios,
            "times as fast in processor time": in_processor,
            "share waited for reading": waited,
            "reading alone, share of processor time": reading,
        },
    )


def job_name(store: str, heads: int) -> str:
    """How the table calls a job."""
    return f"{store}, {heads} head{'' if heads == 1 else 's'}"


def reading_name(store: str) -> str:
    """How it calls the reading of a store."""
    return f"{store}, reading alone"


def compare(taken: Measurement) -> dict[str, dict[str, Ratio]]:
    """Contender → another one → how many times as fast it is."""
    one, many, most = (job_name("sign", heads) for heads in HEADS)
    others = {
        one: ("re-encoding", "re-encoding, own model", "nn.MultiheadAttention"),
        many: ("14 passes", "re-encoding", "re-encoding, own model"),
        most: ("re-encoding", "re-encoding, own model"),
    }
    return {name: {other: taken.ratio(other, name) for other in slower} for name, slower in others.items()}


Step = tuple[Callable[[], object], int]
"""What is measured, and how many documents it goes through."""


@dataclass(frozen=True)
class Clocks:
    """What is measured beside the wall clock.

    Attributes:
        processor_seconds: contender → processor seconds a document of every run, the warm-up included.
        shares: job → share of its workers' time for which it waited for reading, of every run.
    """

    processor_seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    shares: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def watched(self, name: str, step: Callable[[], object], documents: int) -> Contender:
        """Seconds a document of a step by the wall clock; what else is measured is kept."""

        def run() -> float:
            started, used = time.perf_counter(), time.process_time()
            result = step()
            wall, processor = time.perf_counter() - started, time.process_time() - used
            self.processor_seconds[name].append(processor / documents)
            if isinstance(result, JobReport):
                workers = min(available_cores(), -(-documents // UNIT))
                self.shares[name].append(result.document["seconds"]["read"] / wall / workers)
            return wall / documents

        return run

    def processor(self, repeats: int) -> Measurement:
        """Processor seconds of the last so many runs of each contender."""
        return Measurement({name: tuple(taken[-repeats:]) for name, taken in self.processor_seconds.items()})

    def waited(self, repeats: int) -> Measurement:
        """Shares that the last so many runs of each job waited."""
        return Measurement({name: tuple(taken[-repeats:]) for name, taken in self.shares.items()})


class Jobs:
    """Stores and heads in a folder, and jobs over them."""

    def __init__(self, folder: Path, content: Documents | None = None) -> None:
        self._folder, self._content = folder, content
        self._numbers = count()

    def store(self, name: str, documents: int) -> Catalogue:
        """A store, made when it is first asked for."""
        folder = self._folder / f"{name}-{documents}"
        if folder.exists():
            return Catalogue.open(str(folder))
        return synthetic_store(folder, documents, *STORES[name], self._content)

    def heads(self, store: Catalogue, number: int) -> list[str]:
        """Folders of heads for a store."""
        folders = []
        for seed in range(number):
            folder = Path(f"{store.uri}-heads") / str(seed)
            if not folder.exists():
                head_of(store.spec, task=f"task-{seed}", seed=seed).save(folder)
            folders.append(str(folder))
        return folders

    def run(self, store: Catalogue, heads: list[str]) -> JobReport:
        """Report of one job into a new folder."""
        out = self._folder / f"out-{next(self._numbers)}"
        report = backfill(BackfillRequest(store.uri, tuple(heads), str(out)))
        if report.exit_code:
            raise RuntimeError(f"the job failed: {report.document['failures']}")
        shutil.rmtree(out)
        return report

    def job(self, name: str, documents: int, number: int) -> Step:
        """One job with so many heads."""
        store = self.store(name, documents)
        heads = self.heads(store, number)
        return lambda: self.run(store, heads), documents

    def passes(self, name: str, documents: int, number: int) -> Step:
        """So many jobs with one head each."""
        store = self.store(name, documents)
        heads = self.heads(store, number)
        return lambda: [self.run(store, [head]) for head in heads], documents

    def reading(self, name: str, documents: int) -> Step:
        """Every segment as the job reads it."""
        store = self.store(name, documents)

        def read() -> None:
            for entry in store.entries:
                for block in store.features.scan_segment(entry, BLOCK_BYTES):
                    _ = block.doc_ids
                    del block

        return read, documents


class MultiheadModel(nn.Module):
    """A head with torch's own attention: (documents, classes) logits of padded floats."""

    def __init__(self, model: HeadModel) -> None:
        super().__init__()
        pooling = model.pooling
        if not isinstance(pooling, AttentionPooling):
            raise TypeError(f"{pooling!r} is no attention")
        self.query, self.classifier = pooling.query, model.classifier
        self.attention = nn.MultiheadAttention(pooling.width, pooling.heads, batch_first=True)
        weights: list[torch.Tensor] = [pooling.query_weight, pooling.key_weight, pooling.value_weight]
        biases: list[torch.Tensor] = [pooling.query_bias, torch.zeros_like(pooling.query_bias), pooling.value_bias]
        with torch.no_grad():
            self.attention.in_proj_weight.copy_(torch.cat(weights))
            self.attention.in_proj_bias.copy_(torch.cat(biases))
            self.attention.out_proj.weight.copy_(pooling.output_weight)
            self.attention.out_proj.bias.copy_(pooling.output_bias)

    def forward(self, values: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        """Logits of values (documents, tokens, d), where ``padding`` (documents, tokens) is left out."""
        query = self.query.expand(len(values), 1, -1)
        pooled, _ = self.attention(query, values, values, key_padding_mask=padding, need_weights=False)
        return self.classifier(pooled[:, 0])  # type: ignore[no-any-return]


def multihead(store: Catalogue) -> Step:
    """Scoring of dequantized floats with `MultiheadModel`."""
    block: FeatureBlock = next(store.scan())
    block = block.slice(0, min(len(block), ENCODED))
    head: Head = head_of(store.spec)
    model = MultiheadModel(head.model).eval()
    order = np.argsort(block.lengths, kind="stable")
    floats = store.spec.quantizer.dequantize(torch.from_numpy(block.packed), store.spec.width)
    batches = []
    for documents in np.split(order, range(BATCH, len(order), BATCH)):
        vectors = [floats[block.offsets[i] : block.offsets[i + 1]] for i in documents]
        lengths = torch.from_numpy(block.lengths[documents])
        values = pad_sequence(vectors, batch_first=True)
        batches.append((values, torch.arange(values.shape[1]) >= lengths[:, None]))

    def score() -> torch.Tensor:
        with torch.inference_mode():
            return torch.cat([model(*batch).softmax(dim=1) for batch in batches])

    ours = Scorer([head], store.spec).score(block)[0].probabilities[order]
    np.testing.assert_allclose(score().numpy(), ours, atol=1e-4)
    return score, len(order)


def reencoding(options: argparse.Namespace, *, own: bool) -> Step:
    """The bare encoder over some of the corpus, as transformers has it or as Encore loads it."""
    texts = pq.read_table(options.corpus, columns=["text"])["text"].slice(0, ENCODED).to_pylist()
    source = find_files(options.encoder).folder
    tokenizer = AutoTokenizer.from_pretrained(source)
    if own:
        model = resident_encoder(options.encoder, device="cpu", dtype="float32").model
    else:
        model = AutoModel.from_pretrained(source, dtype=torch.float32).eval()
    texts.sort(key=lambda text: len(tokenizer.encode(text, truncation=True, max_length=256)))
    batches = [
        tokenizer(texts[at : at + BATCH], padding=True, truncation=True, max_length=256, return_tensors="pt")
        for at in range(0, len(texts), BATCH)
    ]

    def encode() -> None:
        torch.set_num_threads(available_cores())
        with torch.inference_mode():
            for batch in batches:
                model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])

    return encode, len(texts)


if __name__ == "__main__":
    main()
