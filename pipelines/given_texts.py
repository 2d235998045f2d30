"""Texts that are given as they are, not in a file: the same blocks of documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from encore.encoders import DocumentBlock
from encore.pipelines.corpus import UnitRead
from encore.pipelines.dead_letters import DeadLetter
from encore.tablefiles.values import is_blank, is_empty

SOURCE = "given texts"
PART_TEXTS = 1024
"""Texts that are worked on at a time."""


def read_texts(texts: Sequence[str]) -> Iterator[UnitRead]:
    """The texts as documents that are called after their place, from 1 on; blank ones are rejected."""
    for start in range(0, len(texts), PART_TEXTS):
        part = pa.array(texts[start : start + PART_TEXTS], pa.string())
        ids = pa.array([str(start + row + 1) for row in range(len(part))])
        blank = is_empty(part) | is_blank(part)
        dead = tuple(
            DeadLetter(ids[row].as_py(), SOURCE, start + row, "validate", "blank text")
            for row in np.flatnonzero(blank).tolist()
        )
        rows = np.arange(start, start + len(part))[~blank]
        valid = pa.array(~blank)
        yield UnitRead(DocumentBlock.build(ids.filter(valid), part.filter(valid)), dead, rows)
