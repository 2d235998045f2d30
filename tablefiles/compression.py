"""Compressed text files: told by the ending of their names."""

from __future__ import annotations

CODECS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}
"""Ending → codec, as pyarrow names it; members and frames that follow one another are one stream."""

ARCHIVES = (".zip", ".xz", ".7z", ".tar", ".tgz", ".rar", ".z", ".br", ".snappy", ".lzma")
"""Endings of what is not unpacked."""


def codec_of_name(name: str) -> str | None:
    """Codec that a file is compressed with, by the ending of its name; None for a plain one."""
    lowered = name.lower()
    return next((codec for ending, codec in CODECS.items() if lowered.endswith(ending)), None)


def plain_name(name: str) -> str:
    """A name without the ending of its compression, lowered."""
    lowered = name.lower()
    return lowered.rpartition(".")[0] if codec_of_name(lowered) else lowered
