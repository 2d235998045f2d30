"""Lossless codecs under the quantizer, as chains of Zarr codecs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numcodecs import Blosc, Zstd
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

from featurestore.errors import UsageError

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


def decoder(name: str) -> Callable[[Any], Any]:
    """What takes the bytes of a chunk, without their crc32c, back to those that the codec was given.

    Compressed bytes say themselves at which level and with which shuffle they were made.

    Raises:
        ValueError: not one of `CODECS`.
    """
    match name:
        case "none":
            return _as_they_are
        case "zstd":
            return Zstd().decode  # type: ignore[no-any-return]
        case "blosc":
            return Blosc().decode  # type: ignore[no-any-return]
        case _:
            raise ValueError(f"codec {name!r}: expected one of {', '.join(CODECS)}")


def _as_they_are(data: Any) -> Any:
    return data


def check_codec(name: str) -> None:
    """Raise UsageError unless ``name`` is one of `CODECS`."""
    if name not in CODECS:
        raise UsageError(f"codec {name!r}: expected one of {', '.join(CODECS)}")
