"""Two small learnable tasks in files, under a registry: one of single texts, one of pairs."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from encore.experiments.bench.task_registry import TaskRegistry, load_tasks

REGISTRY = """
[tasks.tone]
group = "SA"
train = "tone-train.parquet"
dev = "tone-dev.parquet"

[tasks.same]
group = "PP"
train = "same-train.parquet"
dev = "same-dev.parquet"
pair_column = "other"
"""


def write_registry(folder: Path) -> Path:
    """Write the tasks, 40 training and 20 dev documents each; return the registry's path."""
    for part, count in (("train", 40), ("dev", 20)):
        ids = [f"{part}{number}" for number in range(count)]
        odd = [number % 2 for number in range(count)]
        tone = pa.table(
            {
                "doc_id": ids,
                "text": [f"{'good' if o else 'bad'} film {n}" for n, o in enumerate(odd)],
                "label": [("minus", "plus")[o] for o in odd],
            }
        )
        same = pa.table(
            {
                "doc_id": ids,
                "text": [f"news {n}" for n in range(count)],
                "other": ["the news" if o else f"of {n} to film" for n, o in enumerate(odd)],
                "label": [("no", "yes")[o] for o in odd],
            }
        )
        pq.write_table(tone, folder / f"tone-{part}.parquet")
        pq.write_table(same, folder / f"same-{part}.parquet")
    (folder / "tasks.toml").write_text(REGISTRY)
    return folder / "tasks.toml"


def registry(folder: Path) -> TaskRegistry:
    """The tasks, written and read."""
    return load_tasks(str(write_registry(folder)))
