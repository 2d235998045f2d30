"""Sizes in bytes, as people write them on a command line."""

from __future__ import annotations

import re

FACTORS = {
    "": 1, "b": 1,
    "k": 2**10, "kib": 2**10, "kb": 10**3,
    "m": 2**20, "mib": 2**20, "mb": 10**6,
    "g": 2**30, "gib": 2**30, "gb": 10**9,
}  # fmt: skip


def parse_bytes(text: str, option: str) -> int:
    """Parse a number of bytes: ``500000``, ``64MiB`` or ``1.5GB``. Raises UsageError, which names the option."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    if match is None or match[2] not in FACTORS or int(float(match[1]) * FACTORS[match[2]]) < 1:
        # Imported late: the package imports torch.
        from encore.featurestore.errors import UsageError  # noqa: PLC0415

        raise UsageError(f"{option} {text!r}: expected a size such as 500000, 64MiB or 1GB")
    return int(float(match[1]) * FACTORS[match[2]])
