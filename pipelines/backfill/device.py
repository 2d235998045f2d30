"""The device that heads score on, and the type that it computes in. Another one than was asked for is never taken."""

from __future__ import annotations

import torch

from encore.encoders.device import resolve_device
from encore.featurestore import UsageError
from encore.heads.scoring import check_dtype

SCORING_DTYPES = {"float32": torch.float32, "float16": torch.float16}


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
