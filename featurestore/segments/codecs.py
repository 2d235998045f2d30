"""Lossless codecs under the quantizer, as chains of Zarr codecs."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numcodecs import Blosc, Zstd
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

from encore.featurestore.errors import UsageError

Bytes = npt.NDArray[np.uint8]


class Decoder(Protocol):
    """The function that `decoder` returns."""

    def __call__(self, data: Bytes, size: int, out: Bytes | None = None) -> Bytes:
        """The ``size`` decoded bytes of one chunk, in ``out`` where it is given."""


ZSTD, BLOSC = Zstd(), Blosc()
"""Codecs for decoding, for which none of their settings matters."""

ZSTD_MAGIC = bytes.fromhex("28b52ffd")
"""What a Zstandard frame begins with."""

CODECS = ("none", "zstd", "blosc")


def codec_chain(name: str, itemsize: int) -> list[Any]:
    """Bytes-to-bytes codecs for numbers of ``itemsize`` bytes; every chain ends in a crc32c of what is stored.

    Raises:
        UsageError: not one of `CODECS`.
    """
    check_codec(name)
    match name:
        case "zstd":
            # Higher levels search for repetitions. Quantized numbers have few: it costs time and saves nothing.
            return [ZstdCodec(level=1), Crc32cCodec()]
        case "blosc":
            # The shuffle brings the bytes of signs and exponents together. From level 4 on Blosc compresses them apart
            # from the others; of these levels the sixth is the fastest, both ways.
            return [BloscCodec(cname="zstd", clevel=6, shuffle="shuffle", typesize=itemsize), Crc32cCodec()]
        case _:
            return [Crc32cCodec()]


def decoder(name: str) -> Decoder:
    """The function that decodes the bytes of a chunk, which come without their crc32c.

    It raises ValueError or RuntimeError if the bytes decode to more or fewer than ``size``: the size that compressed
    bytes claim never decides how much memory is taken. Level and shuffle are read from the compressed bytes.

    Raises:
        ValueError: not one of `CODECS`.
    """
    match name:
        case "none":
            return _as_they_are
        case "zstd":
            return _decode_zstd
        case "blosc":
            return _decode_blosc
        case _:
            raise ValueError(f"codec {name!r}: expected one of {', '.join(CODECS)}")


def _as_they_are(data: Bytes, size: int, out: Bytes | None = None) -> Bytes:
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes, expected {size}")
    if out is None:
        return data
    out[:] = data
    return out


def _decode_zstd(data: Bytes, size: int, out: Bytes | None = None) -> Bytes:
    out = np.empty(size, np.uint8) if out is None else out
    found = np.frombuffer(ZSTD.decode(data, out), np.uint8)
    # Decoding into an array does not tell how much of it was filled. A frame tells its size. If it does not tell this
    # size, or there are several frames, decode once more into inverted bytes: what is not filled then differs.
    if _zstd_size(data) != size:
        first = out.copy()
        np.invert(out, out=out)
        ZSTD.decode(data, out)
        if not np.array_equal(first, out):
            raise ValueError(f"fewer than {size} bytes")
    return found


def _zstd_size(data: Bytes) -> int | None:
    """Decoded size that a Zstandard frame tells (RFC 8878, 3.1.1.1); None where it tells none or is no frame."""
    if data[:4].tobytes() != ZSTD_MAGIC or len(data) < 5:
        return None
    descriptor = int(data[4])
    single_segment = bool(descriptor & 0x20)
    # After the descriptor: window (1 byte, unless the segment is single), dictionary (0, 1, 2 or 4), content size.
    start = 5 + (not single_segment) + (0, 1, 2, 4)[descriptor & 3]
    length = (int(single_segment), 2, 4, 8)[descriptor >> 6]
    if not length or len(data) < start + length:
        return None
    size = int.from_bytes(data[start : start + length].tobytes(), "little")
    return size + 256 if length == 2 else size


def _decode_blosc(data: Bytes, size: int, out: Bytes | None = None) -> Bytes:
    # Bytes 4 to 8 of a Blosc chunk are its decoded size; decoding leaves what is beyond it as it was.
    found = int.from_bytes(data[4:8].tobytes(), "little")
    if found != size:
        raise ValueError(f"{found} bytes, expected {size}")
    return np.frombuffer(BLOSC.decode(data, np.empty(size, np.uint8) if out is None else out), np.uint8)


def check_codec(name: str) -> None:
    """Raise UsageError unless ``name`` is one of `CODECS`."""
    if name not in CODECS:
        raise UsageError(f"codec {name!r}: expected one of {', '.join(CODECS)}")
