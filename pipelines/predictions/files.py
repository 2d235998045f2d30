"""The rows of the table that lists prediction files, and the paths that these files may have."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.format import SHORT, all_counts
from encore.featurestore.segments import SegmentEntry

if TYPE_CHECKING:
    from encore.heads import Head

FILE_SCHEMA = pa.schema(
    [
        pa.field("head", pa.string(), nullable=False),
        pa.field("segment", pa.string(), nullable=False),
        pa.field("deletions", pa.string()),
        pa.field("path", pa.string(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("snapshot", pa.int64(), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
    ]
)
DIGEST_DIGITS = 12
"""Hex digits of a head's digest in its name: enough to tell the heads of one task apart."""
HEAD_NAME = rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,99}}@[0-9a-f]{{{DIGEST_DIGITS}}}"
PREDICTION_FILE = re.compile(
    rf"head=(?P<head>{HEAD_NAME})/(?P<segment>{SHORT})-(?P<deletions>all|{SHORT})-[0-9a-f]{{16}}\.parquet"
)
"""Paths of prediction files: head, segment, deletion vector, and a random word."""
WORD_BYTES = 8
"""Bytes of the random word in a file's name. It makes every name unique."""


@dataclass(frozen=True)
class PredictionFile:
    """One listed file: the predictions of one head for the live documents of one segment.

    Attributes:
        head: ``task@digest``.
        segment: id of the segment.
        deletions: digest of the deletion vector that was in force; None without one.
        path: path of the file below the folder.
        documents: rows.
        bytes: size of the file.
        snapshot: snapshot of the store that was scored.
        fingerprint: fingerprint of the features that were scored.
    """

    head: str
    segment: str
    deletions: str | None
    path: str
    documents: int
    bytes: int
    snapshot: int
    fingerprint: str

    @property
    def key(self) -> tuple[str, str]:
        """Head and segment: a version lists at most one file for them."""
        return self.head, self.segment


def head_name(head: Head) -> str:
    """``task@digest``: the partition that holds a head's predictions."""
    return f"{head.task}@{head.digest[:DIGEST_DIGITS]}"


def new_path(head: str, entry: SegmentEntry) -> str:
    """A new path for the predictions of a head for a segment with the deletion vector of this entry.

    No path is used twice, and no file is overwritten. So the file that a list names is always the one that was listed.
    """
    return f"head={head}/{entry.segment}-{entry.deletions or 'all'}-{secrets.token_hex(WORD_BYTES)}.parquet"


def list_problem(table: pa.Table) -> str | None:
    """The first problem in rows of a list; None without one. The paths must be right: files are removed by them."""
    wrong = [name for name in ("documents", "bytes", "snapshot") if not all_counts(table[name])]
    if wrong:
        return f"invalid numbers in {', '.join(wrong)}"
    named = pc.extract_regex(table["path"], rf"\A{PREDICTION_FILE.pattern}\z")
    parts = {name: pc.struct_field(named, name) for name in ("head", "segment", "deletions")}
    right = pc.equal(parts["deletions"], pc.fill_null(table["deletions"], "all"))
    for name in ("head", "segment"):
        right = pc.and_(right, pc.equal(parts[name], table[name]))
    bad = table.filter(pc.invert(pc.fill_null(right, False))).slice(0, 1).to_pylist()
    if not bad:
        return None
    path, head, segment = (bad[0][name] for name in ("path", "head", "segment"))
    return f"names {path!r:.200}, which is no prediction file of head {head!r:.120} and segment {segment!r:.40}"


def listed_files(table: pa.Table) -> list[PredictionFile]:
    """The files of one list, or of several put together."""
    return [PredictionFile(**row) for row in table.select(FILE_SCHEMA.names).to_pylist()]


def file_table(files: Iterable[PredictionFile]) -> pa.Table:
    """The rows of a list for these files."""
    return pa.Table.from_pylist([asdict(file) for file in files], schema=FILE_SCHEMA)


def counts_of(files: Iterable[PredictionFile]) -> dict[str, int]:
    """The totals of a version that lists these files."""
    listed = list(files)
    return {
        "heads": len({file.head for file in listed}),
        "files": len(listed),
        "predictions": sum(file.documents for file in listed),
        "bytes": sum(file.bytes for file in listed),
    }
