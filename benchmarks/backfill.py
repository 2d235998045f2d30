"""Ten heads in one pass beside ten passes of one head, interleaved in one process.

The store holds random sign bits at minilm's width in documents of news-like length: what is read, decoded and scored
does not depend on their values.

    python -m benchmarks.backfill [--documents 20000] [--heads 10] [--repeats 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from featurestore import Change, EncoderSpec, FeatureBlock, FeatureSpec, Store, TextSpec, commit
from featurestore.entries import SegmentEntry
from featurestore.identity import key_hashes, text_digests
from featurestore.segments import EncodingCounts, write_segment
from heads import Labels, TrainSettings
from heads.store_training import TrainRequest, train_from_store
from pipelines.backfill_job import BackfillRequest, backfill
from pipelines.runner import available_cores

UNIT = 2048
MEAN_TOKENS = 48


def main() -> None:
    """Run the benchmark and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--heads", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = random_store(folder / "store", options.documents)
        heads = [train(store, folder / f"head-{number}", number) for number in range(options.heads)]
        rounds = []
        for repeat in range(options.repeats + 1):
            together = seconds(store, heads, folder / f"together-{repeat}")
            apart = sum(seconds(store, [head], folder / f"apart-{repeat}-{i}") for i, head in enumerate(heads))
            print(f"repeat {repeat}: one pass {together:.2f} s, {len(heads)} passes {apart:.2f} s", file=sys.stderr)
            rounds.append((together, apart))
    print(json.dumps(summary(rounds[1:], options), indent=1))


def random_store(folder: Path, documents: int) -> Store:
    """A committed store of random features."""
    encoder = EncoderSpec(weights="0" * 64, tokenizer="0" * 64, hidden_size=384, num_layers=6, name="random")
    spec = FeatureSpec.build(encoder, TextSpec(256), "mean:6", "tokens", "sign")
    store = Store.create(str(folder), spec)
    random = np.random.default_rng(0)
    entries = []
    for start in range(0, documents, UNIT):
        block = random_block(start, min(start + UNIT, documents), spec, random)
        tokens = len(block.packed)
        name = store.segment_for(block.index)
        record = write_segment(store.objects, name, block, spec, EncodingCounts(tokens, tokens), codec="none")
        entries.append(SegmentEntry.of(record))
    return commit(store, Change(store.version, "random", entries))


def random_block(start: int, stop: int, spec: FeatureSpec, random: np.random.Generator) -> FeatureBlock:
    """Documents ``start`` to ``stop`` of the store."""
    lengths = random.poisson(MEAN_TOKENS, stop - start).clip(3, spec.text.max_length)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = pa.array([f"d{number}" for number in range(start, stop)])
    index = pa.table(
        {
            "doc_id": ids,
            "key_hash": key_hashes(ids),
            "text_digest": text_digests(ids),
            "n_tokens": pa.array(lengths, pa.int32()),
            "truncated": pa.array(np.zeros(len(ids), bool)),
            "n_first_tokens": pa.array(lengths, pa.int32()),
        }
    )
    return FeatureBlock(index, random.integers(0, 256, (offsets[-1], *spec.packed_shape), np.uint8), offsets)


def train(store: Store, folder: Path, seed: int) -> str:
    """An attention head, trained for one epoch on a few documents."""
    ids = [f"d{number}" for number in range(200)]
    table = pa.table({"doc_id": ids, "label": [f"class {number % 3}" for number in range(200)]})
    labels = Labels.from_table(table, "doc_id", "label", "random")
    request = TrainRequest(f"task-{seed}", labels, dev_share=0, settings=TrainSettings(epochs=1, seeds=(seed,)))
    train_from_store(store, request).head.save(folder)
    return str(folder)


def seconds(store: Store, heads: list[str], out: Path) -> float:
    """Seconds of one backfill into a new folder."""
    started = time.perf_counter()
    report = backfill(BackfillRequest(store.uri, tuple(heads), str(out)))
    if report.exit_code:
        raise RuntimeError(f"the job failed: {report.document['failures']}")
    return time.perf_counter() - started


def summary(rounds: list[tuple[float, float]], options: argparse.Namespace) -> dict[str, Any]:
    """Medians and ratios; the first repeat warmed up and is left out."""
    ratios = [together / apart for together, apart in rounds]
    return {
        "benchmark": "backfill",
        "documents": options.documents,
        "heads": options.heads,
        "repeats": len(rounds),
        "one_pass_seconds": round(statistics.median(together for together, _ in rounds), 3),
        "many_passes_seconds": round(statistics.median(apart for _, apart in rounds), 3),
        "one_pass_over_many": {
            name: round(of(ratios), 3) for name, of in (("median", statistics.median), ("min", min), ("max", max))
        },
        "machine": {"cores": available_cores()},
        "torch": torch.__version__,
    }


if __name__ == "__main__":
    main()
