from __future__ import annotations

import numpy as np
import pyarrow as pa

from encore.featurestore.documents.ids import text_digests
from encore.pipelines.corpus.raw_rows import RawRows
from encore.pipelines.corpus.units import Duplicates, WorkUnit
from encore.pipelines.corpus.validation import validate
from encore.pipelines.dead_letters import DeadLetter
from encore.tablefiles.files import TableFile
from tests.pipelines.corpus.corpora import reasons_of

FILE = TableFile("/x.jsonl", "jsonl", 100)


def binary(*values):
    return pa.array(values, pa.large_binary())


def raw(ids, texts, pairs=None, kept=None, rejected=()):
    return RawRows(
        np.arange(len(ids)) + 10,
        binary(*ids),
        binary(*texts),
        None if pairs is None else binary(*pairs),
        None if kept is None else pa.table(kept),
        rejected,
    )


def unit(*duplicate_rows):
    rows = np.array(duplicate_rows, np.int64)
    return WorkUnit(0, FILE, 0, 100, 10, 9, 9, Duplicates.build(rows, rows * 0 + 3, rows * 0, ("/a.csv",)))


def test_valid_rows_become_documents_in_order():
    block, letters = validate(raw([b"b", b"a"], [b"x", "é".encode()], [b"p", None]), unit())
    assert block.table.select(["doc_id", "text", "pair"]).to_pylist() == [
        {"doc_id": "b", "text": "x", "pair": "p"},
        {"doc_id": "a", "text": "é", "pair": None},
    ]
    assert letters == ()


def test_each_fault_has_its_reason_and_leaves_the_rest():
    texts = [b"x", b"x", b"x", None, b"", " \u3000\n".encode(), b"\xff", b"x", "\u200b".encode()]
    ids = [None, b"", b"\xff", b"3", b"4", b"5", b"6", b"7", b"8"]
    block, letters = validate(raw(ids, texts), unit(17))
    assert reasons_of(letters) == [
        (10, None, "missing id"),
        (11, None, "missing id"),
        (12, None, "id is invalid UTF-8"),
        (13, "3", "null text"),
        (14, "4", "empty text"),
        (15, "5", "blank text"),
        (16, "6", "text is invalid UTF-8"),
        (17, "7", "duplicate id: first seen in /a.csv row 3"),
    ]
    assert {letter.stage for letter in letters} == {"validate"}
    assert {letter.file for letter in letters} == {"/x.jsonl"}
    # A lone zero-width space is text; that it has no tokens is for the tokenizer to say.
    assert block.table["doc_id"].to_pylist() == ["8"]


def test_a_null_pair_is_a_single_text_and_an_empty_one_is_a_fault():
    block, letters = validate(raw([b"0", b"1", b"2", b"3"], [b"x"] * 4, [None, b"", b"\t", b"\xff"]), unit())
    assert reasons_of(letters) == [(11, "1", "empty pair"), (12, "2", "blank pair"), (13, "3", "pair is invalid UTF-8")]
    assert block.table["pair"].to_pylist() == [None]


def test_a_row_has_one_reason_the_id_before_the_text_before_the_pair():
    ids, texts, pairs = [b"", b"1", b"2", b"3"], [None, None, b" ", b"x"], [b"", b"", b"\xff", b""]
    _, letters = validate(raw(ids, texts, pairs), unit(11))
    assert [letter.kind for letter in letters] == ["missing id", "duplicate id", "blank text", "empty pair"]


def test_a_rejected_row_is_a_dead_letter_in_its_place_and_a_duplicate_before_all():
    rejected = (
        DeadLetter(None, FILE.uri, 9, "read", "malformed JSON line"),
        DeadLetter("z", FILE.uri, 12, "read", "text is a number"),
        DeadLetter("y", FILE.uri, 13, "read", "text is a number"),
    )
    _, letters = validate(raw([b"a", b"b"], [b"", b"x"], rejected=rejected), unit(13))
    assert reasons_of(letters) == [
        (9, None, "malformed JSON line"),
        (10, "a", "empty text"),
        (12, "z", "text is a number"),
        (13, "y", "duplicate id: first seen in /a.csv row 3"),
    ]
    assert [letter.stage for letter in letters] == ["read", "validate", "read", "validate"]


def test_a_dead_letter_carries_the_digest_of_its_text_and_never_the_text():
    texts, pairs = binary(b"secret \xff", b""), binary(b"p", None)
    _, letters = validate(raw([b"a", b"b"], texts.to_pylist(), pairs.to_pylist()), unit())
    assert [letter.text_digest for letter in letters] == text_digests(texts, pairs).to_pylist()
    assert "secret" not in repr(letters)
    _, (letter,) = validate(raw([b"a"], [None]), unit())
    assert letter.text_digest is None


def test_an_id_is_data_whatever_it_looks_like():
    ids = ["../../etc/passwd", "a\0b", " ", "s3://x", "é" * 5000, "\ufeff"]
    block, letters = validate(raw([text.encode() for text in ids], [b"x"] * len(ids)), unit())
    assert block.table["doc_id"].to_pylist() == ids
    assert not letters


def test_kept_text_is_validated_and_kept_numbers_are_kept():
    kept = {"label": binary(b"p", b"\xff", None).view(pa.large_string()), "year": pa.array([1, 2, 3], pa.int16())}
    block, letters = validate(raw([b"0", b"1", b"2"], [b"x"] * 3, kept=kept), unit())
    assert reasons_of(letters) == [(11, "1", "column label is invalid UTF-8")]
    assert block.table.select(["doc_id", "label", "year"]).to_pylist() == [
        {"doc_id": "0", "label": "p", "year": 1},
        {"doc_id": "2", "label": None, "year": 3},
    ]
    assert block.table.schema.field("label").type == pa.string()


def test_no_rows_left_make_an_empty_block():
    block, letters = validate(raw([None], [b"x"]), unit())
    assert (len(block), len(letters)) == (0, 1)
    assert len(validate(raw([], []), unit())[0]) == 0
