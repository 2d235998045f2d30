"""Every quantizer by its kind: a new one is one file and one line here. Other code takes the list from here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from encore.featurestore.common import torch
from encore.featurestore.errors import UsageError
from encore.featurestore.quantizers.base import Quantizer
from encore.featurestore.quantizers.float16 import Float16
from encore.featurestore.quantizers.int2 import Int2
from encore.featurestore.quantizers.int4 import Int4
from encore.featurestore.quantizers.sign import Sign
from encore.featurestore.quantizers.sign_centred import SignCentred
from encore.featurestore.quantizers.uint8 import UInt8

REGISTRY: Mapping[str, type[Quantizer]] = MappingProxyType(
    {
        Float16.kind: Float16,
        UInt8.kind: UInt8,
        Int4.kind: Int4,
        Int2.kind: Int2,
        Sign.kind: Sign,
        SignCentred.kind: SignCentred,
    }
)
"""Kind, the first word of a request, → quantizer."""


def parse_quantizer(text: str) -> Quantizer:
    """The quantizer that a request such as ``uint8:per-dimension:histogram`` names, not calibrated yet.

    Raises:
        UsageError: unknown kind or options.
    """
    kind, *words = text.split(":")
    if kind not in REGISTRY:
        raise UsageError(f"quantizer {text!r}: expected one of {', '.join(REGISTRY)}")
    return REGISTRY[kind].parse(tuple(words))


def quantizer_from_dict(document: Mapping[str, Any]) -> Quantizer:
    """The quantizer, calibrated as it was, from its `to_dict`."""
    kind = type(parse_quantizer(document["request"])).kind
    return REGISTRY[kind].from_dict(document)


def calibrate(quantizer: Quantizer, sample: Callable[[], Iterable[torch.Tensor]]) -> Quantizer:
    """Run every pass that the quantizer still needs; ``sample`` gives the floats (..., width) anew for each."""
    while (statistics := quantizer.calibration_pass()) is not None:
        for values in sample():
            statistics.update(values)
        quantizer = quantizer.with_calibration(statistics)
    return quantizer
