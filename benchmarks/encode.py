"""The encode job beside a bare loop of the same model, interleaved in one process.

The bare loop tokenizes the same documents, sorts them by length and runs the model over batches of 32: no layer
pooling, no quantizer, nothing stored. Both sides leave start-up out: importing, loading the model, planning the corpus.

    python -m benchmarks.encode [CORPUS.parquet] [--documents 2000] [--repeats 5] [--encoder minilm]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer

from benchmarks.corpus import default_corpus
from encoders import Encoder
from pipelines.encode_job import EncodeRequest, encode
from pipelines.resident_encoder import resident_encoder
from pipelines.runner import available_cores

BATCH = 32


def main() -> None:
    """Run the benchmark and print one JSON object."""
    options = parse()
    torch.set_num_threads(available_cores())
    encoder = resident_encoder(options.encoder, device="cpu", dtype="float32")
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.parquet"
        documents = pq.read_table(options.corpus or default_corpus(Path(folder))).slice(0, options.documents)
        pq.write_table(documents, corpus)
        texts = documents["text"].to_pylist()
        tokenizer = Tokenizer.from_str(encoder.tokenizer.to_str())
        rounds = []
        for repeat in range(options.repeats + 1):
            bare = bare_seconds(encoder, tokenizer, texts)
            job = job_seconds(options.encoder, corpus, Path(folder) / f"store-{repeat}")
            print(f"repeat {repeat}: bare {bare:.2f} s, job {job:.2f} s, ratio {bare / job:.3f}", file=sys.stderr)
            rounds.append((bare, job))
    print(json.dumps(summary(rounds[1:], options), indent=1))


def bare_seconds(encoder: Encoder, tokenizer: Any, texts: list[str]) -> float:
    """Seconds of the bare loop, with all cores."""
    torch.set_num_threads(available_cores())
    started = time.perf_counter()
    tokenizer.enable_truncation(encoder.default_max_length)
    tokenizer.no_padding()
    encodings = tokenizer.encode_batch_fast(texts)
    ids = sorted((encoding.ids for encoding in encodings), key=len)
    with torch.inference_mode():
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            longest = len(batch[-1])
            padded = torch.tensor([row + [encoder.pad_id] * (longest - len(row)) for row in batch])
            mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in batch])
            encoder.model(input_ids=padded, attention_mask=mask)
    tokenizer.no_truncation()
    return time.perf_counter() - started


def job_seconds(encoder: str, corpus: Path, store: Path) -> float:
    """Seconds of the job into a new store, from the plan's end to the commit and the report."""
    report = encode(EncodeRequest((str(corpus),), str(store), encoder=encoder, device="cpu")).document
    if report["exit_code"]:
        raise RuntimeError(f"the job failed: {report['failures']}")
    return float(report["wall_seconds"] - report["prepare_seconds"])


def summary(rounds: list[tuple[float, float]], options: argparse.Namespace) -> dict[str, Any]:
    """Medians and the ratios repeat by repeat; the first repeat warmed up and is left out."""
    ratios = [bare / job for bare, job in rounds]
    return {
        "benchmark": "encode",
        "documents": options.documents,
        "repeats": len(rounds),
        "bare_seconds": round(statistics.median(bare for bare, _ in rounds), 3),
        "job_seconds": round(statistics.median(job for _, job in rounds), 3),
        "ratio": {
            name: round(of(ratios), 3) for name, of in (("median", statistics.median), ("min", min), ("max", max))
        },
        "machine": {"cores": available_cores(), "processor": platform.processor() or platform.machine()},
        "torch": torch.__version__,
    }


def parse() -> argparse.Namespace:
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", help="Parquet with columns doc_id and text")
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--encoder", default="minilm")
    return parser.parse_args()


if __name__ == "__main__":
    main()
