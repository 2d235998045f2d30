"""The device that heads learn or score on, and the type that it computes in. Never another one than was asked for."""

from __future__ import annotations

import torch

from encore.encoders.device import resolve_device
from encore.featurestore.errors import UsageError
from encore.heads.batches import Placement
from encore.heads.scoring import check_dtype

SCORING_DTYPES = {"float32": torch.float32, "float16": torch.float16}

LEARNING_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Gradients of heads are too small for float16."""


def scoring_on(device: str, dtype: str) -> tuple[torch.device, torch.dtype]:
    """The device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``, and the type for ``float32`` or ``float16``.

    Raises:
        UsageError: unknown names, no such device here, or a type that the device does not score in.
    """
    place = resolve_device(device)
    if dtype not in SCORING_DTYPES:
        raise UsageError(f"dtype {dtype!r}: expected {' or '.join(SCORING_DTYPES)}")
    check_dtype(SCORING_DTYPES[dtype], place)
    return place, SCORING_DTYPES[dtype]


def learning_on(device: str, dtype: str) -> Placement:
    """Where heads learn, for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``, and for ``float32`` or ``bfloat16``.

    Raises:
        UsageError: unknown names, no such device here, or bfloat16 on the CPU, where it is slower.
    """
    place = resolve_device(device)
    if dtype not in LEARNING_DTYPES:
        raise UsageError(f"dtype {dtype!r}: heads learn in {' or '.join(LEARNING_DTYPES)}")
    if dtype != "float32" and place.type == "cpu":
        raise UsageError(f"dtype {dtype} on the CPU: heads learn in float32 there; drop it, or ask for device cuda")
    return Placement(place, LEARNING_DTYPES[dtype])
