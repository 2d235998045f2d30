"""The encode job beside what one would write otherwise, over the same documents, with all cores.

- bare: tokenize, sort by length, run plain transformers over batches of 32; nothing is pooled or stored.
- bare, own model: the same loop over the model as Encore loads it, on a CPU with oneDNN's products.
- bare, ONNX Runtime, and bare, OpenVINO: the same loop over the model as an ONNX graph, in float32 on a CPU, once its
  output was found to be that of transformers. Each is left out where its package is not installed (extra ``bench``).
- job: `encore encode` as it comes: the mean of the layers, sign bits; read, stored, committed.
- job, last layer: the same for the last layer in float16, which is what the next one makes.
- sentence-transformers: `encode(output_value="token_embeddings")`, its vectors saved in float16 and their lengths, as
  .npy. Left out where the package is not installed (extra ``bench``) or the encoder is not one of its own.

All leave start-up out: importing, making models, planning the corpus. The budget adds up the seconds of the job's
threads by stage, as shares of workers × wall clock; Beam is what no stage claims, waiting for the last unit included.

    python -m benchmarks.encode [CORPUS.parquet] [--documents 2000] [--repeats 5] [--publish]
    python -m benchmarks.encode --large --device cuda --dtype bfloat16 --documents 40000 --peak-tflops 989 [...]
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from benchmarks.corpus import default_corpus
from benchmarks.measure import Measurement, measure
from benchmarks.report import Report, arguments
from encore.encoders.batches import default_budget
from encore.encoders.device import resolve_device, resolve_dtype
from encore.encoders.files import find_files
from encore.pipelines.encoding import EncodeRequest, encode, resident_encoder
from encore.pipelines.runs import RunnerChoice, available_cores

BATCH = 32
TOLERANCE = 1e-4
"""How far another library's output may be from that of transformers."""
STAGES = ("read", "tokenize", "forward", "quantize", "write")
LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "max_position_embeddings": 512,
}
"""The shape of RoBERTa-large, but for its vocabulary."""

Model = Callable[..., Any]
"""Takes input_ids and attention_mask, by name."""


def main() -> None:
    """Run the benchmark."""
    options = parse()
    torch.set_num_threads(available_cores())
    report = Report.begin("encode-large" if options.large else "encode", options)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.large:
            options.encoder = str(large_encoder(folder / "large"))
        bench = Bench(options, folder)
        taken = measure(bench.contenders(), options.repeats)
    budget, tokens = bench.budget(), bench.tokens
    rows = [
        [
            contender,
            taken.cell(contender),
            taken.per_second(contender, tokens),
            taken.ratio("bare", contender),
            taken.ratio("bare, own model", contender),
            taken.ratio("sentence-transformers", contender) if "sentence-transformers" in taken.rounds else "",
        ]
        for contender in taken.rounds
    ]
    rows += [[f"of the job: {stage}", f"{share:.1%}", "", "", "", ""] for stage, share in budget.items()]
    measured: dict[str, Any] = {"seconds": taken, "tokens": tokens, "budget": budget, **ratios(taken)}
    if options.peak_tflops:
        measured["share of peak"] = bench.flops() / taken.median("job") / options.peak_tflops / 1e12
        rows.append(["of the chip's peak: job", f"{measured['share of peak']:.1%}", "", "", "", ""])
    header = ["", "seconds", "tokens/s", "times bare", "times bare, own model", "times sentence-transformers"]
    report.end(header, rows, measured)


class Bench:
    """The contenders over one corpus."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.corpus = folder / "corpus.parquet"
        options.corpus = options.corpus or str(default_corpus(folder))
        documents = pq.read_table(options.corpus).slice(0, options.documents)
        pq.write_table(documents, self.corpus)
        self.texts: list[str] = documents["text"].to_pylist()
        self.encoder = resident_encoder(options.encoder, device=options.device, dtype=options.dtype)
        self.files = find_files(options.encoder).folder
        self.tokenizer = AutoTokenizer.from_pretrained(self.files)
        self.reports: list[Mapping[str, Any]] = []
        self._numbers = count()

    def contenders(self) -> dict[str, Callable[[], float]]:
        """What is measured; each says how many seconds it took."""
        plain = AutoModel.from_pretrained(self.files, dtype=resolve_dtype(self.options.dtype, self.encoder.device))
        plain = plain.eval().to(self.encoder.device)
        made: dict[str, Callable[[], float]] = {
            "bare": lambda: self.bare(plain),
            "bare, own model": lambda: self.bare(self.encoder.model),
            "job": lambda: self.job(note=True),
            "job, last layer": lambda: self.job(layers="last", quantizer="float16"),
        }
        made |= {name: partial(self.bare, model) for name, model in self.graphs(plain).items()}
        if importlib.util.find_spec("sentence_transformers") is None or not (self.files / "modules.json").is_file():
            print("no sentence-transformers for this encoder: left out", file=sys.stderr)
            return made
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 (a peer that need not be there)

        peer = SentenceTransformer(str(self.files), device=self.options.device, local_files_only=True)
        return made | {"sentence-transformers": lambda: self.peer(peer)}

    def graphs(self, plain: Any) -> dict[str, Model]:
        """Contender → the model as another library runs it.

        Raises:
            RuntimeError: a library's output is not that of transformers.
        """
        found: dict[str, Model] = {}
        if self.encoder.device.type != "cpu" or plain.dtype != torch.float32:
            print("not in float32 on a CPU: ONNX Runtime and OpenVINO left out", file=sys.stderr)
            return found
        graph = self.folder / "encoder.onnx"
        batch = padded(self.token_ids()[-BATCH:], self.encoder.pad_id)
        for name, (package, load) in LIBRARIES.items():
            if not all(map(importlib.util.find_spec, (package, "onnxscript"))):
                print(f"no {package} or no onnxscript: left out", file=sys.stderr)
                continue
            if not graph.exists():
                export(plain, graph)
            found[name] = load(graph)
            if (off := difference(plain, found[name], batch)) > TOLERANCE:
                raise RuntimeError(f"{name}: its output is off by {off:.2g}")
        return found

    def token_ids(self) -> list[list[int]]:
        """Token ids of the texts, shortest first."""
        limit = self.encoder.default_max_length
        return sorted(self.tokenizer(self.texts, truncation=True, max_length=limit)["input_ids"], key=len)

    def bare(self, model: Model) -> float:
        """Seconds of the bare loop."""
        device = self.encoder.device
        # As many documents at a time as keep the device busy: 32 of them leave a large one idle.
        batch_size = BATCH if device.type == "cpu" else default_budget(device) // 64
        torch.set_num_threads(available_cores())
        started = perf_counter()
        ids = self.token_ids()
        with torch.inference_mode():
            for start in range(0, len(ids), batch_size):
                batch = padded(ids[start : start + batch_size], self.encoder.pad_id)
                model(**{name: values.to(device) for name, values in batch.items()})
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return perf_counter() - started

    def job(self, *, note: bool = False, **request: Any) -> float:
        """Seconds of the job into a new store, from the plan's end to the commit and the report."""
        store = self.folder / f"store-{next(self._numbers)}"
        options = self.options
        asked = EncodeRequest(
            (str(self.corpus),),
            str(store),
            encoder=options.encoder,
            device=options.device,
            dtype=options.dtype,
            unit_rows=options.unit_rows,
            **request,
        )
        report = encode(asked).document
        if report["exit_code"]:
            raise RuntimeError(f"the job failed: {report['failures']}")
        if note:
            self.reports.append(report)
        return float(report["wall_seconds"] - report["prepare_seconds"])

    def peer(self, model: Any) -> float:
        """Seconds of sentence-transformers, its token features saved as two .npy files."""
        torch.set_num_threads(available_cores())
        started = perf_counter()
        features = model.encode(self.texts, output_value="token_embeddings", show_progress_bar=False)
        vectors = np.concatenate([document.cpu().numpy().astype(np.float16) for document in features])
        np.save(self.folder / "features.npy", vectors)
        np.save(self.folder / "lengths.npy", np.array([len(document) for document in features]))
        return perf_counter() - started

    @property
    def tokens(self) -> int:
        """Tokens of the corpus, as encoded."""
        return int(self.reports[-1]["tokens"])

    def budget(self) -> dict[str, float]:
        """Stage → share of the threads' time, medians over the rounds that count; Beam is what is left."""
        shares = []
        for report in self.reports[-self.options.repeats :]:
            workers = RunnerChoice.of((), report["units"]["planned"]).workers or 1
            seconds = workers * (report["wall_seconds"] - report["prepare_seconds"])
            shares.append({stage: report["seconds"].get(stage, 0.0) / seconds for stage in STAGES})
        middle = {stage: statistics.median(share[stage] for share in shares) for stage in STAGES}
        return {**middle, "Beam": 1 - sum(middle.values())}

    def flops(self) -> float:
        """Floating-point operations of the layers' products for the corpus, attention scores at the mean length."""
        config = self.encoder.model.config
        width, wide = config.hidden_size, config.intermediate_size
        mean_length = self.tokens / len(self.texts)
        token = 2 * (4 * width * width + 2 * width * wide) + 4 * mean_length * width
        return float(config.num_hidden_layers * token * self.tokens)


def padded(rows: Sequence[Sequence[int]], pad_id: int) -> dict[str, torch.Tensor]:
    """A batch: token ids, and which of them are not padding."""
    longest = max(map(len, rows))
    return {
        "input_ids": torch.tensor([[*row, *[pad_id] * (longest - len(row))] for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]),
    }


def export(model: torch.nn.Module, graph: Path) -> None:
    """Write a model as an ONNX graph, for any number of documents and any length."""
    example = padded([[1] * 8, [1] * 4], 0)
    sizes = {name: {0: torch.export.Dim("documents"), 1: torch.export.Dim("length")} for name in example}
    torch.onnx.export(model, (), graph, kwargs=example, input_names=list(example), dynamic_shapes=sizes, verbose=False)


def onnx_runtime(graph: Path) -> Model:
    """A graph, run by ONNX Runtime on all cores."""
    import onnxruntime  # noqa: PLC0415 (a peer that need not be there)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda **batch: session.run(None, {name: values.numpy() for name, values in batch.items()})[0]


def openvino(graph: Path) -> Model:
    """A graph, run by OpenVINO on all cores. Where a processor has bfloat16, OpenVINO would choose that by itself."""
    from openvino import compile_model  # noqa: PLC0415 (a peer that need not be there)

    config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": available_cores()}
    compiled = compile_model(graph, "CPU", config)
    return lambda **batch: compiled({name: values.numpy() for name, values in batch.items()})[0]


LIBRARIES = {"bare, ONNX Runtime": ("onnxruntime", onnx_runtime), "bare, OpenVINO": ("openvino", openvino)}
"""Contender → the package that it needs, and what loads a graph with it."""


def difference(plain: Model, other: Model, batch: Mapping[str, torch.Tensor]) -> float:
    """The largest difference between a model's last hidden state and another library's, padding left out."""
    with torch.inference_mode():
        expected = plain(**batch).last_hidden_state.numpy()
    return float(np.abs(expected - other(**batch))[batch["attention_mask"].bool().numpy()].max())


def ratios(taken: Measurement) -> dict[str, Any]:
    """The job's speed as a multiple of the others'."""
    asked = {"job to bare": ("bare", "job"), "job to bare, own model": ("bare, own model", "job")}
    if "sentence-transformers" in taken.rounds:
        asked["job, last layer, to sentence-transformers"] = ("sentence-transformers", "job, last layer")
    return {name: taken.ratio(*pair) for name, pair in asked.items()}


def large_encoder(folder: Path) -> Path:
    """A random encoder of RoBERTa-large's shape, with minilm's tokenizer."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(find_files("minilm").folder)
    BertModel(BertConfig(vocab_size=len(tokenizer), **LARGE), add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def parse() -> argparse.Namespace:
    """Command line of the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("corpus", nargs="?", help="Parquet with columns doc_id and text")
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--large", action="store_true", help="a random encoder of RoBERTa-large's shape instead")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--unit-rows", type=int)
    parser.add_argument("--peak-tflops", type=float, help="of the chip in this dtype, to say what share is reached")
    options = parser.parse_args()
    resolve_device(options.device)
    return options


if __name__ == "__main__":
    main()
