"""Signs by which the first bytes of a file show that it is another kind of file than its name says."""

from __future__ import annotations

from encore.featurestore.errors import UsageError
from encore.tablefiles.files import COMPRESSIONS, TableFile, open_input
from encore.tablefiles.text.streams import open_text

HEAD_BYTES = 64 << 10
"""How much of a file is looked at before any of it is parsed."""
LINE_ENDS = {"\u2028": "U+2028", "\u2029": "U+2029", "\x85": "NEL (U+0085)"}
"""Line ends of other systems, which are text here → their names."""

_PACKED = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst", b"BZh": ".bz2", b"\x04\x22\x4d\x18": ".lz4"}
_SKIPPABLE_ZSTD = b"\x2a\x4d\x18"
_OTHERS = {
    b"PAR1": "is a Parquet file; rename it so that it ends in .parquet",
    b"ARROW1": "is an Arrow file; rename it so that it ends in .arrow",
    b"PK\x03\x04": "is a zip archive (or a spreadsheet); unpack it, or export it as CSV",
    b"\xfd7zXZ\0": "is xz-compressed; unpack it, or compress it with gzip or zstd",
    b"7z\xbc\xaf": "is a 7-zip archive; unpack it",
}
_MARKS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_NONZERO = bytes([0, *[1] * 255])
_ZEROS = {
    b"\0\0\0\1": "utf-32-be",
    b"\1\0\0\0": "utf-32-le",
    b"\0\1\0\1": "utf-16-be",
    b"\1\0\1\0": "utf-16-le",
}


def read_head(file: TableFile) -> bytes:
    """The first bytes of a file's text.

    Raises:
        UsageError: they are those of another kind of file; the text names it.
        DataError: the file cannot be read.
    """
    with open_input(file) as raw:
        _refuse_packing(file, raw.read(len(b"\xfd7zXZ\0")))
    head = first_bytes(file)
    for sign, what in _OTHERS.items():
        if head.startswith(sign):
            raise UsageError(f"{file.uri}: {what}")
    inner = _packing(head)
    if inner is not None:
        raise UsageError(f"{file.uri}: is compressed twice, or holds {COMPRESSIONS[inner]} data; unpack it once")
    _refuse_encoding(file, head)
    return head


def first_bytes(file: TableFile) -> bytes:
    """As `read_head`, without a check of what the bytes are."""
    with open_text(file, HEAD_BYTES) as stream:
        return stream.read(HEAD_BYTES)


def _packing(head: bytes) -> str | None:
    if head[1:4] == _SKIPPABLE_ZSTD and head[0] >> 4 == 5:
        return ".zst"
    return next((ending for sign, ending in _PACKED.items() if head.startswith(sign)), None)


def _refuse_packing(file: TableFile, head: bytes) -> None:
    found = _packing(head)
    named = next((ending for ending, codec in COMPRESSIONS.items() if codec == file.codec), None)
    if found == named or not head:
        return
    if found is None:
        raise UsageError(f"{file.uri}: is not {file.codec}-compressed; rename it so that it does not end in {named}")
    raise UsageError(
        f"{file.uri}: is {COMPRESSIONS[found]}-compressed; rename it so that it ends in {_ending(file, found)}"
    )


def _ending(file: TableFile, packed: str) -> str:
    return f".{file.plain_name.rpartition('.')[2]}{packed}"


def _refuse_encoding(file: TableFile, head: bytes) -> None:
    """Raise UsageError for UTF-16 and UTF-32, known by their byte order marks, or by the zeros beside ASCII."""
    found = next((name for sign, name in _MARKS.items() if head.startswith(sign)), None)
    if found is None and b"\0" in head[:4]:
        found = _ZEROS.get(bytes(head[:4]).translate(_NONZERO))
    if found is not None:
        raise UsageError(f"{file.uri}: is {found.upper()}; say --encoding {found} (in Python encoding)")
