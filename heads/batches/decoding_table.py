"""Packed features to floats on a device by one look-up, without waiting for the device."""

from __future__ import annotations

import torch
from torch.nn.functional import embedding

from encore.featurestore.quantizers import Quantizer

BYTES = 256


class DecodingTable:
    """What `Quantizer.dequantize` gives, from tables that lie on the device already.

    A quantizer makes its parameters into tensors at every call, and to copy them from ordinary memory a CUDA device is
    waited for. What each byte stands for is asked of the quantizer once: the same at every place of a vector, or
    something of its own at each. Numbers that are no bytes are decoded by the quantizer itself.
    """

    def __init__(self, quantizer: Quantizer, width: int, device: torch.device, dtype: torch.dtype) -> None:
        """Ask for every byte; ``dtype`` is that of the floats.

        Raises:
            UsageError: the quantizer is not calibrated.
        """
        self._quantizer, self._width, self._dtype = quantizer, width, dtype
        self._table: torch.Tensor | None = None
        self._shift: torch.Tensor | None = None
        if quantizer.dtype != "uint8":
            return
        places, numbers = quantizer.packed_width(width), 8 // quantizer.packed_width(8)
        every = torch.arange(BYTES, dtype=torch.uint8)[:, None].expand(BYTES, places)
        # (256, places, numbers a byte)
        decoded = quantizer.dequantize(every, places * numbers).view(BYTES, places, numbers)
        if bool((decoded == decoded[:, :1]).all()):
            table = decoded[:, 0]
        else:
            table = decoded.transpose(0, 1).flatten(0, 1)
            self._shift = (torch.arange(places, dtype=torch.int32) * BYTES).to(device)
        self._table = table.to(device, dtype, copy=True, memory_format=torch.contiguous_format)

    def __call__(self, packed: torch.Tensor) -> torch.Tensor:
        """Floats (..., width), contiguous, from packed numbers (..., packed width) on the device."""
        if self._table is None:
            return self._quantizer.dequantize(packed, self._width).to(self._dtype)
        places = packed.to(torch.int32)
        if self._shift is not None:
            places += self._shift
        return embedding(places, self._table).flatten(-2)[..., : self._width].contiguous()
