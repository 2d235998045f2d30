"""Dead-letter files, read back."""

from __future__ import annotations

from encore.featurestore.format import read_parquet
from encore.pipelines.dead_letters import DeadLetter


def dead_letters_from_parquet(data: bytes) -> tuple[DeadLetter, ...]:
    """Inverse of `dead_letters_to_parquet`."""
    return tuple(DeadLetter(**row) for row in read_parquet(data, "dead letters").to_pylist())
