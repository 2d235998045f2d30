"""Compressed and encoded text: decoded once, checked, and never silently shorter."""

from __future__ import annotations

import bz2
import gzip
import json

import pyarrow as pa
import pytest

from encore.featurestore.errors import DataError, UsageError
from encore.pipelines.corpus import CorpusColumns, plan
from encore.tablefiles import TO_THE_END, ColumnSelection, Part, TextOptions, files
from encore.tablefiles.csv import format as csv_files
from encore.tablefiles.json import format as json_files
from encore.tablefiles.json.format import JsonLinesFiles
from encore.tablefiles.text.streams import TextStream
from tests.pipelines.corpus.corpora import corpus_file, read_all, reasons_of, texts_of

ROWS = {str(number): f"text {number}" for number in range(200)}
LINES = [json.dumps({"doc_id": key, "text": text}).encode() + b"\n" for key, text in ROWS.items()]


def packed(codec):
    return {"gz": gzip.compress, "bz2": bz2.compress}.get(codec) or (
        lambda data: pa.compress(data, codec={"zst": "zstd", "lz4": "lz4"}[codec], asbytes=True)
    )


COMPRESSIONS = ["gz", "zst", "bz2", "lz4"]


@pytest.mark.parametrize("codec", COMPRESSIONS)
def test_members_and_frames_that_follow_one_another_are_one_text(tmp_path, codec):
    pack = packed(codec)
    if codec == "lz4":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "lz4") as stream:
            stream.write(b"".join(LINES))
        data = sink.getvalue().to_pybytes()
    else:
        data = pack(b"".join(LINES[:70])) + pack(b"".join(LINES[70:])[:33]) + pack(b"".join(LINES[70:])[33:])
    (tmp_path / f"x.jsonl.{codec}").write_bytes(data)
    for unit_rows in (17, None):
        documents, letters = read_all(tmp_path / f"x.jsonl.{codec}", unit_rows=unit_rows)
        assert (texts_of(documents), letters) == (ROWS, [])


@pytest.mark.parametrize("codec", ["gz", "zst", "bz2"])
@pytest.mark.parametrize("cut", [1, 9, 200])
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv"])
def test_a_compressed_file_that_is_cut_is_an_error_that_names_it(tmp_path, codec, cut, name):
    data = packed(codec)(b"doc_id,text\n" * name.endswith("csv") + b"".join(LINES))
    (tmp_path / f"{name}.{codec}").write_bytes(data[:-cut])
    with pytest.raises(
        (DataError, UsageError), match=f"{name}.{codec}: cannot be unpacked as .*it is cut short, damaged"
    ):
        plan([corpus_file(tmp_path / f"{name}.{codec}")], CorpusColumns())


@pytest.mark.parametrize("behind", [b"garbage", b"\0" * 20])
def test_what_follows_a_compressed_stream_and_is_none_is_an_error(tmp_path, behind):
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(b"".join(LINES)) + behind)
    with pytest.raises(DataError, match="cannot be unpacked as gzip"):
        plan([corpus_file(tmp_path / "x.jsonl.gz")], CorpusColumns())


def test_plain_text_under_a_compressed_name_is_named(tmp_path):
    (tmp_path / "x.jsonl.gz").write_bytes(b"".join(LINES))
    with pytest.raises(UsageError, match=r"is not gzip-compressed; rename it so that it does not end in \.gz"):
        plan([corpus_file(tmp_path / "x.jsonl.gz")], CorpusColumns())
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(gzip.compress(b"".join(LINES))))
    with pytest.raises(UsageError, match="is compressed twice"):
        plan([corpus_file(tmp_path / "x.jsonl.gz")], CorpusColumns())


@pytest.mark.parametrize("module", [json_files, csv_files])
def test_a_stream_is_decoded_once_for_all_parts_of_one_call(tmp_path, monkeypatch, module):
    monkeypatch.setattr(files, "READ_BYTES", 100)
    lines = LINES if module is json_files else [b"doc_id,text\n", *(f"{k},{v}\n".encode() for k, v in ROWS.items())]
    name = "x.jsonl.gz" if module is json_files else "x.csv.gz"
    (tmp_path / name).write_bytes(gzip.compress(b"".join(lines)))
    file = corpus_file(tmp_path / name)
    wanted = ColumnSelection("doc_id", ("text",))
    reader = JsonLinesFiles() if module is json_files else csv_files.CsvFiles()
    blocks = list(reader.scan(file, wanted))
    starts = [int(block.starts[0]) for block in blocks if len(block.rows)]
    firsts = [int(block.rows[0]) for block in blocks if len(block.rows)]
    parts = [Part(start, stop, row) for start, stop, row in zip(starts, [*starts[1:], TO_THE_END], firsts, strict=True)]
    assert len(parts) > 10
    assert reader.split_points(file).tolist() == [0]
    taken = 0
    plain = TextStream._piece

    def counting(self, length):
        nonlocal taken
        piece = plain(self, length)
        taken += len(piece)
        return piece

    monkeypatch.setattr(TextStream, "_piece", counting)
    read = list(reader.read(file, parts, wanted))
    texts = [text.decode() for rows in read for text in rows.values["text"].to_pylist()]
    assert texts == list(ROWS.values())
    assert taken <= 3 * len(b"".join(lines))


def test_bytes_that_are_no_text_in_the_encoding_cost_their_row(tmp_path):
    (tmp_path / "x.csv").write_bytes("doc_id,text\na,é€\nb,q\n".encode("cp1252").replace(b"q", b"\x81"))
    documents, letters = read_all(tmp_path / "x.csv", options=TextOptions(encoding="cp1252"))
    assert texts_of(documents) == {"a": "é€"}
    assert reasons_of(letters) == [(1, "b", "text is invalid UTF-8")]
    data = "\n".join(json.dumps({"doc_id": key, "text": "\u6587"}, ensure_ascii=False) for key in "ab").encode(
        "utf-16-le"
    )
    (tmp_path / "y.jsonl").write_bytes(data.replace(b"\x87\x65", b"\x00\xd8", 1))
    documents, letters = read_all(tmp_path / "y.jsonl", options=TextOptions(encoding="utf-16-le"))
    assert texts_of(documents) == {"b": "\u6587"}
    assert reasons_of(letters) == [(0, "a", "text is invalid UTF-8")]


@pytest.mark.parametrize("name", ["hex", "no-such", "idna", "rot13", "", "undefined"])
def test_an_encoding_that_is_none_is_refused(name):
    with pytest.raises(UsageError, match=f"encoding '{name}': Python knows no such text encoding"):
        TextOptions(encoding=name)


@pytest.mark.parametrize(
    "options", [{"delimiter": "ab"}, {"delimiter": '"'}, {"escape": "é"}, {"escape": ""}, {"delimiter": "x"}]
)
def test_a_character_that_cannot_serve_is_refused(options):
    with pytest.raises(UsageError, match="expected one ASCII character"):
        TextOptions(**options)


def test_options_say_what_differs_from_the_defaults():
    assert TextOptions(encoding="UTF8").to_dict() == {}
    given = TextOptions(encoding="UTF16", delimiter="tab", escape="\\")
    assert given.to_dict() == {"encoding": "utf-16", "csv_delimiter": "\t", "csv_escape": "\\"}
