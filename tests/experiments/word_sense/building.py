"""Made-up words in sentences, for the tests of the word-sense probe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from encore.experiments.word_sense.instances import INSTANCE_SCHEMA


def instance(
    number: int,
    sentence: Sequence[str],
    index: int,
    sense: str,
    *,
    lemma: str = "bank",
    accepted: Sequence[str] = (),
    source: str = "made",
) -> dict[str, Any]:
    """One row of a file."""
    return {
        "instance_id": f"{source}.s{number}",
        "sentence": list(sentence),
        "index": index,
        "lemma": lemma,
        "pos": "NOUN",
        "sense": sense,
        "senses": [sense, *accepted],
    }


def write(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Parquet file, with ``index`` as the 32-bit integers that real files have; returns its path."""
    schema = INSTANCE_SCHEMA.set(INSTANCE_SCHEMA.get_field_index("index"), pa.field("index", pa.int32()))
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return str(path)


RIVER = ["the", "river", "bank", "is", "good"]
MONEY = ["the", "money", "bank", "is", "bad", "news"]


def made_up() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Training and test instances of two words with two senses each, and test instances of a third, unseen word."""
    train, test = [], []
    for number in range(12):
        filler = [f"w{number}", "of", "film"][: number % 3 + 1]
        river, money = [*filler, *RIVER], [*MONEY[:3], *filler, *MONEY[3:]]
        part = test if number % 4 == 3 else train
        part.append(instance(number, river, river.index("bank"), "bank%1"))
        part.append(instance(100 + number, money, 2, "bank%2", source="other"))
        if number % 3:
            part.append(instance(200 + number, money, 2, "bank%2", accepted=["bank%3"]))
        part.append(instance(300 + number, river, len(filler) + 4, f"good%{number % 2}", lemma="good"))
    test.append(instance(400, RIVER, 1, "river%1", lemma="river"))
    return train, test
