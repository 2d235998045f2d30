"""Lossless codecs under the quantizer, as chains of Zarr codecs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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


def codec_name(chain: Sequence[Any], itemsize: int) -> str:
    """Inverse of `codec_chain`.

    Raises:
        ValueError: the chain is none that this version writes.
    """
    for name in CODECS:
        if list(chain) == codec_chain(name, itemsize):
            return name
    raise ValueError(f"codecs {list(chain)}: expected those of {', '.join(CODECS)}")


def check_codec(name: str) -> None:
    """Raise UsageError unless ``name`` is one of `CODECS`."""
    if name not in CODECS:
        raise UsageError(f"codec {name!r}: expected one of {', '.join(CODECS)}")
