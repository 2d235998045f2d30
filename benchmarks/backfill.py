"""The backfill job with 1, 14 and 100 attention heads, beside what one would do otherwise, with all cores.

- job: `encore backfill` as it comes, over 1-bit, 8-bit and half-precision stores: plan, read, score, write, list.
- 14 passes: 14 jobs of one head each, over the 1-bit store.
- nn.MultiheadAttention: the same head as torch has it, over dequantized floats that are padded, sorted by length and in
  memory already; its probabilities are seen to be the job's.
- re-encoding: plain transformers over batches of 32 news texts, tokenized and sorted by length beforehand.

The stores hold features of some thousand texts under many ids, as minilm makes them; heads are random. Every number is
for one document; 100 heads score a fourth of the documents. Beside the wall clock stands the processor time of all
threads: on a machine that others use too, it is the fairer one.

Reading is given twice: the share of workers × wall clock for which scoring waited for it in one more job, which leaves
out what was read ahead; and the processor time of reading the same store alone, in the job's blocks and with ids, as a
share of the job's.

    python -m benchmarks.backfill [CORPUS.parquet] [--documents 47668] [--repeats 5] [--publish]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModel, AutoTokenizer

from benchmarks.corpus import default_corpus
from benchmarks.measure import Contender, Measurement, Ratio, measure
from benchmarks.report import Report, arguments
from benchmarks.synthetic import Documents, TextDocuments, synthetic_store
from encoders.sources import find_files
from featurestore import FeatureBlock, Store
from heads import Head, HeadModel, Scorer
from heads.attention import AttentionPooling
from pipelines.backfill_job import BackfillRequest, backfill
from pipelines.runner import available_cores
from tests.heads.building import head_of

QUANTIZERS = {"sign": "none", "uint8": "zstd", "float16": "blosc"}
"""With the codec that each has unless another is asked for."""
HEADS = (1, 14, 100)
BATCH = 32
ENCODED = 128
"""Documents that are encoded again, and scored with nn.MultiheadAttention eight times as many: enough for a rate."""


def main() -> None:
    """Run the benchmark and print its report."""
    parser = arguments(__doc__)
    parser.add_argument("corpus", nargs="?", help="Parquet with columns doc_id and text")
    parser.add_argument("--documents", type=int, default=47_668, help="as many as news has")
    parser.add_argument("--quantizers", nargs="+", choices=QUANTIZERS, default=list(QUANTIZERS))
    parser.add_argument("--encoder", default="minilm")
    options = parser.parse_args()
    torch.set_num_threads(available_cores())
    report = Report.begin("backfill", options)
    clocks = Clocks()
    with tempfile.TemporaryDirectory() as name:
        jobs = Jobs(Path(name), TextDocuments.encode(Path(name) / "texts", options.corpus))
        steps: dict[str, Step] = {}
        for quantizer in ("sign", *(other for other in options.quantizers if other != "sign")):
            for heads in HEADS:
                documents = options.documents // 4 if heads == max(HEADS) else options.documents
                steps[job_name(quantizer, heads)] = jobs.job(quantizer, documents, heads)
        steps["14 passes"] = jobs.passes("sign", options.documents, 14)
        steps["nn.MultiheadAttention"] = multihead(jobs.store("sign", options.documents))
        steps["re-encoding"] = reencoding(options, Path(name))
        wall = measure({name: clocks.watched(name, *step) for name, step in steps.items()}, options.repeats)
        shares = {job_name(q, n): jobs.shares(q, options.documents, n) for q in options.quantizers for n in (1, 14)}
    processor = clocks.processor(options.repeats)
    ratios, in_processor = compare(wall), compare(processor)
    rows = [
        [
            name,
            wall.cell(name, 1e6, "µs"),
            processor.cell(name, 1e6, "µs"),
            f"{1 / wall.median(name):,.0f}",
            f"{100 * shares[name]['read']:.1f} %" if name in shares else "",
            "; ".join(f"{ratio} × {other}" for other, ratio in ratios.get(name, {}).items()),
            "; ".join(map(str, in_processor.get(name, {}).values())),
        ]
        for name in steps
    ]
    report.end(
        ["what", "a document", "processor time", "documents a second", "reading", "as fast as", "in processor time"],
        rows,
        {
            "seconds a document": wall,
            "processor seconds a document": processor,
            "times as fast": ratios,
            "times as fast in processor time": in_processor,
            "shares": shares,
        },
    )


def job_name(quantizer: str, heads: int) -> str:
    """How the table calls a job."""
    return f"{quantizer}, {heads} head{'' if heads == 1 else 's'}"


def compare(taken: Measurement) -> dict[str, dict[str, Ratio]]:
    """Contender → another one → how many times as fast it is."""
    one, many, most = (job_name("sign", heads) for heads in HEADS)
    mha = "nn.MultiheadAttention"
    return {
        one: {"re-encoding": taken.ratio("re-encoding", one), mha: taken.ratio(mha, one)},
        many: {"14 passes": taken.ratio("14 passes", many), "re-encoding": taken.ratio("re-encoding", many)},
        most: {"re-encoding": taken.ratio("re-encoding", most)},
    }


Step = tuple[Callable[[], object], int]
"""What is measured, and how many documents it goes through."""


@dataclass(frozen=True)
class Clocks:
    """Processor time beside the wall clock.

    Attributes:
        taken: contender → processor seconds a document of every run, the warm-up included.
    """

    taken: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def watched(self, name: str, step: Callable[[], object], documents: int) -> Contender:
        """Seconds a document of a step by the wall clock; its processor time is kept."""

        def run() -> float:
            wall, processor = time.perf_counter(), time.process_time()
            step()
            self.taken[name].append((time.process_time() - processor) / documents)
            return (time.perf_counter() - wall) / documents

        return run

    def processor(self, repeats: int) -> Measurement:
        """Processor seconds of the last so many runs of each contender."""
        return Measurement({name: tuple(taken[-repeats:]) for name, taken in self.taken.items()})


class Jobs:
    """Stores and heads in a folder, and jobs over them."""

    def __init__(self, folder: Path, content: Documents | None = None) -> None:
        self._folder, self._content = folder, content
        self._numbers = count()

    def store(self, quantizer: str, documents: int) -> Store:
        """A store, made when it is first asked for."""
        folder = self._folder / f"{quantizer}-{documents}"
        if folder.exists():
            return Store.open(str(folder))
        return synthetic_store(folder, documents, quantizer, QUANTIZERS[quantizer], self._content)

    def heads(self, store: Store, number: int) -> list[str]:
        """Folders of heads for a store."""
        folders = []
        for seed in range(number):
            folder = Path(f"{store.uri}-heads") / str(seed)
            if not folder.exists():
                head_of(store.spec, task=f"task-{seed}", seed=seed).save(folder)
            folders.append(str(folder))
        return folders

    def run(self, store: Store, heads: list[str]) -> Mapping[str, Any]:
        """Report of one job into a new folder."""
        out = self._folder / f"out-{next(self._numbers)}"
        report = backfill(BackfillRequest(store.uri, tuple(heads), str(out)))
        if report.exit_code:
            raise RuntimeError(f"the job failed: {report.document['failures']}")
        return report.document

    def job(self, quantizer: str, documents: int, number: int) -> Step:
        """One job with so many heads."""
        store = self.store(quantizer, documents)
        heads = self.heads(store, number)
        return lambda: self.run(store, heads), documents

    def passes(self, quantizer: str, documents: int, number: int) -> Step:
        """So many jobs with one head each."""
        store = self.store(quantizer, documents)
        heads = self.heads(store, number)
        return lambda: [self.run(store, [head]) for head in heads], documents

    def shares(self, quantizer: str, documents: int, number: int) -> dict[str, float]:
        """Stage → share of one job's workers × wall clock; decoding is a part of scoring."""
        store = self.store(quantizer, documents)
        heads, kind = self.heads(store, number), type(store.spec.quantizer)
        decode, spent = kind.dequantize, []

        def watched(*words: Any, **named: Any) -> torch.Tensor:
            started = time.perf_counter()
            decoded: torch.Tensor = decode(*words, **named)
            spent.append(time.perf_counter() - started)
            return decoded

        started = time.perf_counter()
        with patch.object(kind, "dequantize", watched):
            seconds = dict(self.run(store, heads)["seconds"])
        whole = (time.perf_counter() - started) * min(available_cores(), len(store.entries))
        seconds["Beam"] = whole - sum(seconds.values())
        seconds["score"] -= sum(spent)
        return {stage: round(taken / whole, 3) for stage, taken in (seconds | {"decode": sum(spent)}).items()}


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


def multihead(store: Store) -> Step:
    """Scoring of dequantized floats with `MultiheadModel`."""
    block: FeatureBlock = next(store.scan())
    block = block.slice(0, min(len(block), 8 * ENCODED))
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


def reencoding(options: argparse.Namespace, folder: Path) -> Step:
    """The bare encoder, over some of the corpus."""
    corpus = options.corpus or str(default_corpus(folder))
    texts = pq.read_table(corpus, columns=["text"])["text"].slice(0, ENCODED).to_pylist()
    source = find_files(options.encoder).folder
    tokenizer, model = AutoTokenizer.from_pretrained(source), AutoModel.from_pretrained(source, dtype=torch.float32)
    model.eval()
    texts.sort(key=lambda text: len(tokenizer.encode(text, truncation=True, max_length=256)))
    batches = [
        tokenizer(texts[at : at + BATCH], padding=True, truncation=True, max_length=256, return_tensors="pt")
        for at in range(0, len(texts), BATCH)
    ]

    def encode() -> None:
        with torch.inference_mode():
            for batch in batches:
                model(**batch)

    return encode, len(texts)


if __name__ == "__main__":
    main()
