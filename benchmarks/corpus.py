"""The corpus that benchmarks run over unless one is named."""

from __future__ import annotations

import os
from pathlib import Path

from encore.experiments.demo.docstrings import write_corpus


def default_corpus(folder: Path) -> Path:
    """``corpus/news.parquet`` below ENCORE_DATA where that is set, else this Python's docstrings, put in ``folder``."""
    data = os.environ.get("ENCORE_DATA")
    return Path(data) / "corpus" / "news.parquet" if data else write_corpus(folder)
