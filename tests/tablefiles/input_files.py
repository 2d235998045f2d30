"""Which files are read, and what is said of those that are not: tests run the table, and the docs' page shows it."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from encore.tablefiles.text_options import TextOptions

TEXTS = {"1": "first", "007": 'with "quotes",\nand lines', "18446744073709551616": "Ünïcode \u2028 and \\ more"}
"""The documents that every file of the table holds."""

LINES = [{"doc_id": doc_id, "text": text} for doc_id, text in TEXTS.items()]


@dataclass(frozen=True)
class InputFile:
    """One row.

    Attributes:
        what: for the page.
        name: of the file.
        data: what it holds.
        options: what has to be said of it; as the page shows them in ``said``.
        said: command-line options.
        refused: pattern of the message where it is not read; empty where it is.
        unread: reason by which a folder that holds it names it, where it is no input at all.
    """

    what: str
    name: str
    data: bytes = field(repr=False)
    options: TextOptions = field(default_factory=TextOptions)
    said: str = ""
    refused: str = ""
    unread: str = ""

    @property
    def taken(self) -> str:
        """For the page: how it is taken."""
        if self.unread:
            return f"not read, and named: {self.unread}"
        if self.refused:
            return f"refused: … {self.refused}"
        return f"read with `{self.said}`" if self.said else "read"


def json_lines() -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in LINES)


def comma_separated(end: str = "\r\n", **dialect: object) -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator=end, **dialect)  # type: ignore[arg-type]
    writer.writerows([("doc_id", "text"), *TEXTS.items()])
    return sink.getvalue().encode()


def as_spark_writes() -> bytes:
    """Quotes and backslashes behind backslashes."""
    cells = ((i, '"' + t.replace("\\", "\\\\").replace('"', '\\"') + '"') for i, t in TEXTS.items())
    return b"doc_id,text\n" + "".join(f"{i},{t}\n" for i, t in cells).encode()


def table() -> pa.Table:
    return pa.table({"doc_id": list(TEXTS), "text": list(TEXTS.values())})


def parquet(**options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table(), sink, **options)
    return sink.getvalue()


def arrow(new: Callable[..., pa.RecordBatchWriter], **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    with new(sink, table().schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table())
    return bytes(sink.getvalue())


def _utf16(data: bytes) -> bytes:
    return data.decode().encode("utf-16")


INPUT_FILES: tuple[InputFile, ...] = (
    InputFile("Parquet", "a.parquet", parquet()),
    InputFile("Parquet, dictionary-encoded or compressed", "a.pq", parquet(compression="zstd", use_dictionary=True)),
    InputFile("Arrow IPC, file format", "a.arrow", arrow(pa.ipc.new_file)),
    InputFile("Arrow IPC, stream format", "a.ipc", arrow(pa.ipc.new_stream)),
    InputFile("Feather (version 2)", "a.feather", arrow(pa.ipc.new_file, compression="lz4")),
    InputFile("JSON Lines", "a.jsonl", json_lines()),
    InputFile("JSON Lines, other endings", "a.ndjson", json_lines()),
    InputFile("JSON Lines, CR LF", "a.json", json_lines().replace(b"\n", b"\r\n")),
    InputFile(
        "JSON Lines with byte order marks, as of joined files",
        "a.jsonl",
        b"\xef\xbb\xbf" + json_lines().replace(b"\n", b"\n\xef\xbb\xbf", 1),
    ),
    InputFile("a JSON array of objects", "a.json", json.dumps(LINES).encode()),
    InputFile("objects over several lines, in an array", "a.json", json.dumps(LINES, indent=2).encode()),
    InputFile(
        "objects over several lines, one after another",
        "a.json",
        b"\n".join(json.dumps(line, indent=2).encode() for line in LINES),
    ),
    InputFile("CSV (RFC 4180)", "a.csv", comma_separated()),
    InputFile("CSV, LF or CR alone", "a.csv", comma_separated("\r").replace(b"and lines", b"and lines")),
    InputFile("tab-separated", "a.tsv", comma_separated(delimiter="\t")),
    InputFile(
        "CSV with another delimiter",
        "a.csv",
        comma_separated(delimiter=";"),
        TextOptions(delimiter=";"),
        "--csv-delimiter ';'",
    ),
    InputFile(
        "the same, nothing said", "a.csv", comma_separated(delimiter=";"), refused="has no comma; say --csv-delimiter"
    ),
    InputFile("CSV as Spark writes it", "a.csv", as_spark_writes(), TextOptions(escape="\\"), "--csv-escape '\\'"),
    InputFile("gzip over JSON Lines or CSV", "a.jsonl.gz", gzip.compress(json_lines())),
    InputFile(
        "the same, of several members",
        "a.csv.gz",
        gzip.compress(comma_separated()[:40]) + gzip.compress(comma_separated()[40:]),
    ),
    InputFile("Zstandard", "a.csv.zst", pa.compress(comma_separated(), "zstd", asbytes=True)),
    InputFile("bzip2", "a.jsonl.bz2", bz2.compress(json_lines())),
    InputFile(
        "gzip under another name", "a.jsonl", gzip.compress(json_lines()), refused="is gzip-compressed; rename it"
    ),
    InputFile(
        "a gzip file that was cut",
        "a.jsonl.gz",
        gzip.compress(json_lines())[:-9],
        refused="it is cut short, damaged, or no gzip file",
    ),
    InputFile("UTF-16", "a.csv", _utf16(comma_separated()), TextOptions(encoding="utf-16"), "--encoding utf-16"),
    InputFile("the same, nothing said", "a.csv", _utf16(comma_separated()), refused="is UTF-16; say --encoding utf-16"),
    InputFile("a zip archive", "a.zip", b"PK\x03\x04", unread="unknown ending"),
    InputFile("any other ending", "readme.md", b"# About", unread="unknown ending"),
    InputFile("an empty file", "part-1.csv", b"", unread="it is empty: 0 bytes"),
    InputFile("Parquet that was cut", "a.parquet", parquet()[:-20], refused="not a Parquet file, or a damaged one"),
)
