"""The promises about bad input, format by format: what is wrong is named, and the rest is read."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.pipelines.corpus.corpora import read_all, texts_of, write_lines, write_parquet

GOOD = {"good": "fine", "last": "fine too"}


def parquet(folder, bad):
    rows = [("good", b"fine"), *bad, ("last", b"fine too")]
    ids, texts = zip(*rows, strict=True)
    text = pa.array([t.encode() if isinstance(t, str) else t for t in texts], pa.binary()).view(pa.string())
    return write_parquet(folder / "x.parquet", pa.table({"doc_id": pa.array(ids, pa.string()), "text": text}))


def json_lines(folder, bad):
    def line(key, text):
        if isinstance(text, bytes):
            return b'{"doc_id": "%b", "text": "%b"}' % (key.encode(), text)
        return {"doc_id": key, "text": text}

    rows = [("good", "fine"), *bad, ("last", "fine too")]
    return write_lines(folder / "x.jsonl", *(line(*row) for row in rows))


def comma_separated(folder, bad):
    rows = [("good", b"fine"), *bad, ("last", b"fine too")]
    cells = [(key or "", text.encode() if isinstance(text, str) else text or b"") for key, text in rows]
    path = folder / "x.csv"
    path.write_bytes(b"doc_id,text\n" + b"".join(b'"%b","%b"\n' % (key.encode(), text) for key, text in cells))
    return path


@pytest.mark.parametrize("write", [parquet, json_lines, comma_separated])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ((None, "x"), "missing id"),
        (("", "x"), "missing id"),
        (("good", "another text"), "duplicate id"),
        (("bad", None), "null text"),
        (("bad", ""), "empty text"),
        (("bad", " \t\u2003\n"), "blank text"),
        (("bad", b"caf\xe9"), "text is invalid UTF-8"),
    ],
)
def test_a_bad_row_is_a_dead_letter_with_its_reason_and_the_rest_is_read(tmp_path, write, bad, reason):
    documents, letters = read_all(write(tmp_path, [bad]))
    assert texts_of(documents) == GOOD
    # CSV has no null: its empty cell is empty text.
    expected = "empty text" if write is comma_separated and reason == "null text" else reason
    assert [(letter.row, letter.kind) for letter in letters] == [(1, expected)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"doc_id": "bad", "text": 5}', "text is a number"),
        (b'{"doc_id": "bad", "text": ', "malformed JSON line"),
        (b'{"doc_id": 1.5, "text": "x"}', "id is a number"),
        (b'{"doc_id": "bad", "text": "\\ud800"}', "text is invalid UTF-8"),
    ],
)
def test_what_only_json_lines_can_get_wrong_is_a_dead_letter(tmp_path, line, reason):
    good, last = ({"doc_id": key, "text": text} for key, text in GOOD.items())
    documents, letters = read_all(write_lines(tmp_path / "x.jsonl", good, line, last))
    assert texts_of(documents) == GOOD
    assert [(letter.row, letter.reason) for letter in letters] == [(1, reason)]


def test_a_row_of_csv_with_a_cell_too_few_is_a_dead_letter(tmp_path):
    (tmp_path / "x.csv").write_text("doc_id,text\ngood,fine\nbad\nlast,fine too\n")
    documents, letters = read_all(tmp_path)
    assert texts_of(documents) == GOOD
    assert [(letter.row, letter.kind) for letter in letters] == [(1, "malformed CSV row")]
