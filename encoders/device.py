"""The device and number type that an encoder runs in. An impossible request is an error, never a silent fallback."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from threading import Semaphore

import torch

from encore.featurestore.errors import UsageError

AT_ONCE = 2
"""Threads that keep a CUDA device busy: one prepares a batch while the device computes the other's. Each further thread
would hold the memory of another batch."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def resolve_device(name: str) -> torch.device:
    """The device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; ``auto`` is CUDA if there is a device, else the CPU.

    Raises:
        UsageError: unknown name, or this machine has no such device.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise UsageError(f"device {name!r}: expected auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= count:
        found = f"{count} CUDA device(s)" if count else "no CUDA device"
        raise UsageError(f"device {name}: this machine has {found}; ask for device cpu or auto, or mend the driver")
    return device


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """The torch dtype for ``float32``, ``bfloat16`` or ``float16``.

    Raises:
        UsageError: unknown name, or float16 on a CPU, which computes it slowly and overflows at 65504.
    """
    if name not in DTYPES:
        raise UsageError(f"dtype {name!r}: expected {', '.join(DTYPES)}")
    if name == "float16" and device.type == "cpu":
        raise UsageError("dtype float16 on the CPU: ask for float32 or bfloat16, or for device cuda")
    return DTYPES[name]


def turns_on(device: torch.device) -> AbstractContextManager[object]:
    """A context that threads enter while they encode. On CUDA it admits at most `AT_ONCE` threads at a time.

    Meanwhile the others read, tokenize and write. On the CPU all threads share the cores, and none waits.
    """
    return Semaphore(AT_ONCE) if device.type == "cuda" else nullcontext()
