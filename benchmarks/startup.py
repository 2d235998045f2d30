"""Whole processes: ``encore --help``, imports, and an encode of one document beside plain transformers.

Plain transformers means `AutoTokenizer` and `AutoModel.from_pretrained` of the same files and one forward pass. Files
are in the page cache after the warm-up; nothing is fetched.

    python -m benchmarks.startup [--repeats 5] [--publish]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from benchmarks.measure import measure
from benchmarks.report import Report, arguments

PLAIN = """
import sys, torch
from transformers import AutoModel, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModel.from_pretrained(sys.argv[1]).eval()
with torch.inference_mode():
    model(**tokenizer("Encode once, answer forever.", return_tensors="pt"))
"""
IMPORTS = (
    "encore.cli.main",
    "encore.featurestore",
    "encore.heads",
    "encore.encoders",
    "encore.pipelines.backfill.job",
    "encore.pipelines.encoding.job",
    "torch",
    "transformers",
)
# As users have it: Python keeps what it has compiled.
UNWANTED = "PYTHONDONTWRITEBYTECODE"
ENVIRONMENT = {**{name: value for name, value in os.environ.items() if name != UNWANTED}, "HF_HUB_OFFLINE": "1"}


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--encoder", default="minilm")
    options = parser.parse_args()
    report = Report.begin("startup", options)
    encore = [str(Path(sys.executable).with_name("encore"))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "one.jsonl").write_text(json.dumps({"doc_id": "a", "text": "Encode once, answer forever."}) + "\n")
        stores = iter(range(1 << 20))
        corpus, model = folder / "one.jsonl", encoder_folder(options.encoder)

        def encode() -> float:
            store = folder / f"store-{next(stores)}"
            return process([*encore, "encode", str(corpus), "--store", str(store), "--encoder", options.encoder])

        contenders: dict[str, Callable[[], float]] = {
            "encore --help": lambda: process([*encore, "--help"]),
            **{
                f"import {module}": lambda m=module: process([sys.executable, "-c", f"import {m}"])
                for module in IMPORTS
            },
            "encode one document": encode,
            "plain transformers": lambda: process([sys.executable, "-c", PLAIN, model]),
        }
        taken = measure(contenders, options.repeats)
    ratio = taken.ratio("encode one document", "plain transformers")
    rows = [[name, taken.cell(name), ratio if name == "encode one document" else ""] for name in contenders]
    report.end(["process", "seconds", "to plain transformers"], rows, {"processes": taken, "encode to plain": ratio})


def encoder_folder(name: str) -> str:
    """Where an encoder's files are; found in a process of its own, so that this one stays small."""
    code = f"from encore.encoders.files.sources import find_files; print(find_files({name!r}).folder)"
    words = [sys.executable, "-c", code]
    return subprocess.run(words, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout.strip()


def process(words: list[str]) -> float:
    """Seconds from the start of a process to its end."""
    started = perf_counter()
    subprocess.run(words, check=True, capture_output=True, env=ENVIRONMENT)
    return perf_counter() - started


if __name__ == "__main__":
    main()
