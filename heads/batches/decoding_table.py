"""Decode packed features on a device by one table look-up, without waiting for the device."""

from __future__ import annotations

import torch
from torch.nn.functional import embedding

from encore.featurestore.quantizers import Quantizer

BYTES = 256


class DecodingTable:
    """Gives what `Quantizer.dequantize` gives, from a table on the device.

    `Quantizer.dequantize` makes tensors of its parameters at every call. Copying them from ordinary memory makes the
    host wait for a CUDA device. This class asks the quantizer once what each byte value stands for. There is one table
    where a byte means the same at every place of a vector, else one for each place. Where packed numbers are not bytes,
    the quantizer decodes them itself.

    Attributes:
        device: where the table lies.
    """

    def __init__(self, quantizer: Quantizer, width: int, device: torch.device, dtype: torch.dtype) -> None:
        """Decode every byte value once.

        Args:
            quantizer: decodes.
            width: d, floats in a vector.
            device: where the table lies.
            dtype: type of the decoded floats.

        Raises:
            UsageError: the quantizer is not calibrated.
        """
        self.device = device
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
