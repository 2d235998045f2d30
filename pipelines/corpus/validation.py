"""Validation of the rows of a work unit: each becomes a document or a dead letter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.encoders.documents import DocumentBlock
from encore.featurestore.documents import text_digests
from encore.pipelines.corpus.raw_rows import RawRows
from encore.pipelines.corpus.units import WorkUnit
from encore.pipelines.dead_letters import DeadLetter
from encore.tablefiles.values import Mask, invalid_inside, is_blank, is_empty, is_null, text_values

DUPLICATE = "duplicate id"


def validate(raw: RawRows, unit: WorkUnit) -> tuple[DocumentBlock, tuple[DeadLetter, ...]]:
    """Divide the rows of a unit into documents and dead letters.

    A dead letter has one reason, the first that holds: the row is malformed; its id is missing or invalid; its id came
    earlier, even with an invalid text; its text, its pair or its kept columns are invalid.

    Returns:
        The valid documents in file order, and the dead letters by row.
    """
    ids, bad_ids = text_values(raw.ids)
    texts, bad_texts = text_values(raw.texts)
    found = unit.duplicates.find(raw.rows)
    tests: list[tuple[str, Mask]] = [
        ("missing id", is_null(raw.ids) | is_empty(raw.ids)),
        ("id is invalid UTF-8", bad_ids),
        (DUPLICATE, found >= 0),
        ("null text", is_null(raw.texts)),
        ("text is invalid UTF-8", bad_texts),
        ("empty text", is_empty(raw.texts)),
        ("blank text", is_blank(texts)),
    ]
    pairs = None
    if raw.pairs is not None:
        pairs, bad_pairs = text_values(raw.pairs)
        tests += [
            ("pair is invalid UTF-8", bad_pairs),
            ("empty pair", is_empty(raw.pairs)),
            ("blank pair", is_blank(pairs)),
        ]
    kept, bad_kept = _kept_texts(raw)
    tests += bad_kept

    reasons = np.full(len(raw.rows), -1)
    for number, (_, failed) in enumerate(tests):
        reasons[(reasons < 0) & failed] = number
    dead = np.flatnonzero(reasons >= 0)
    letters = _dead_letters(raw, dead, [tests[number][0] for number in reasons[dead].tolist()], unit, ids)

    if len(dead):
        valid = pa.array(reasons < 0)
        ids, texts = ids.filter(valid), texts.filter(valid)
        pairs = None if pairs is None else pairs.filter(valid)
        kept = None if kept is None else kept.filter(valid)
    return DocumentBlock.build(ids.cast(pa.string()), texts, pairs, kept), letters


def _kept_texts(raw: RawRows) -> tuple[pa.Table | None, list[tuple[str, Mask]]]:
    """The kept columns with valid text, and for each check its reason and the rows that fail it."""
    if raw.kept is None:
        return None, []
    kept, tests = raw.kept, []
    for position, field in enumerate(raw.kept.schema):
        if pa.types.is_large_string(field.type):
            values, invalid = text_values(kept.column(position))
            kept = kept.set_column(position, field.name, values.cast(pa.string()))
        elif pa.types.is_nested(field.type):
            invalid = invalid_inside(kept.column(position))
        else:
            continue
        tests.append((f"column {field.name} is invalid UTF-8", invalid))
    return kept, tests


def _dead_letters(
    raw: RawRows, dead: npt.NDArray[np.int64], reasons: list[str], unit: WorkUnit, ids: pa.Array
) -> tuple[DeadLetter, ...]:
    rows = raw.rows[dead]
    at = pa.array(dead)
    texts = raw.texts.take(at)
    # A null text has no digest. An empty text takes its place for the computation.
    digests = text_digests(pc.fill_null(texts, b""), None if raw.pairs is None else raw.pairs.take(at))
    described = zip(ids.take(at).to_pylist(), rows.tolist(), reasons, digests.to_pylist(), texts.is_null(), strict=True)
    letters = [
        DeadLetter(doc_id or None, unit.file.uri, row, "validate", reason, None if null.as_py() else digest)
        for doc_id, row, reason, digest, null in described
    ]
    everything = sorted((*letters, *raw.rejected), key=lambda letter: letter.row)
    return _name_first_rows(everything, unit)


def _name_first_rows(letters: list[DeadLetter], unit: WorkUnit) -> tuple[DeadLetter, ...]:
    """Give each duplicate its reason, which says where its id came first. It replaces any other reason of that row."""
    found = unit.duplicates.find(np.array([letter.row for letter in letters], np.int64)).tolist()
    return tuple(
        letter if at < 0 else replace(letter, stage="validate", reason=_first_seen(unit, at))
        for letter, at in zip(letters, found, strict=True)
    )


def _first_seen(unit: WorkUnit, duplicate: int) -> str:
    file, row = unit.duplicates.first(duplicate)
    return f"{DUPLICATE}: first seen in {file} row {row}"
