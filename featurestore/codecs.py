"""Lossless codecs under the quantizer, as chains of Zarr codecs."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numcodecs import Blosc, Zstd
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

from featurestore.errors import UsageError

Bytes = npt.NDArray[np.uint8]


class Decoder(Protocol):
    """What `decoder` gives."""

    def __call__(self, data: Bytes, out: Bytes | None = None) -> Bytes:
        """The decoded bytes of one chunk, in ``out`` where it is given."""


ZSTD, BLOSC = Zstd(), Blosc()
"""For decoding, which none of their settings matters to."""

CODECS = ("none", "zstd", "blosc")


def codec_chain(name: str, itemsize: int) -> list[Any]:
    """Bytes-to-bytes codecs for numbers of ``itemsize`` bytes; every chain ends in a crc32c of what is stored.

    Raises:
        UsageError: not one of `CODECS`.
    """
    check_codec(name)
    match name:
        case "zstd":
            return [ZstdCodec(level=3), Crc32cCodec()]
        case "blosc":
            # Bitshuffle brings the slowly varying sign and exponent bits of neighbouring floats together.
            return [
                BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle", typesize=itemsize),
                Crc32cCodec(),
            ]
        case _:
            return [Crc32cCodec()]


def decoder(name: str) -> Decoder:
    """What takes the bytes of a chunk, without their crc32c, back to those that the codec was given.

    Called with the bytes alone, it gives the decoded ones. Called with an array too, it fills that one, and raises
    ValueError or RuntimeError where there are more or fewer bytes than it has. Compressed bytes say themselves at which
    level and with which shuffle they were made.

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


def _as_they_are(data: Bytes, out: Bytes | None = None) -> Bytes:
    if out is None:
        return data
    if len(data) != len(out):
        raise ValueError(f"{len(data)} bytes, expected {len(out)}")
    out[:] = data
    return out


def _decode_zstd(data: Bytes, out: Bytes | None = None) -> Bytes:
    # Decoding into an array would not tell how much of it was filled.
    return _as_they_are(np.frombuffer(ZSTD.decode(data), np.uint8), out)


def _decode_blosc(data: Bytes, out: Bytes | None = None) -> Bytes:
    # Bytes 4 to 8 of a Blosc chunk are its decoded size; decoding leaves what is beyond it as it was.
    size = int.from_bytes(data[4:8].tobytes(), "little")
    if out is not None and size != len(out):
        raise ValueError(f"{size} bytes, expected {len(out)}")
    return np.frombuffer(BLOSC.decode(data, out), np.uint8)


def check_codec(name: str) -> None:
    """Raise UsageError unless ``name`` is one of `CODECS`."""
    if name not in CODECS:
        raise UsageError(f"codec {name!r}: expected one of {', '.join(CODECS)}")
