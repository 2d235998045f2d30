"""Seeds that are derived from their purpose, so that no random number depends on what was drawn before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derived_seed(*parts: object) -> int:
    """A 64-bit seed for this purpose; the same parts give the same seed everywhere."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:8], "big")


@contextmanager
def seeded(device: torch.device, *parts: object) -> Iterator[None]:
    """Seed torch's global generators of the CPU and of ``device`` inside the context. Restore their states after it."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(derived_seed(*parts))
        yield
