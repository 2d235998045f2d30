"""Small codes side by side in bytes, the first in the highest bits, as `numpy.packbits` does for single bits."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from encore.featurestore.common import torch


def packed_width(width: int, bits: int) -> int:
    """Bytes for ``width`` codes of 1, 2 or 4 bits."""
    return -(-width * bits // 8)


def pack(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """Codes below 2**bits, uint8 (..., width), to uint8 (..., packed width); the last byte is filled with zeros."""
    width, per_byte = codes.shape[-1], 8 // bits
    padded = torch.nn.functional.pad(codes, (0, -width % per_byte))
    octets = padded.view(*codes.shape[:-1], packed_width(width, bits), per_byte)
    packed = octets[..., 0] << 8 - bits
    for place in range(1, per_byte):
        packed |= octets[..., place] << 8 - bits * (place + 1)
    return packed


def unpack(
    packed: torch.Tensor, levels: tuple[float, ...], width: int, out: torch.Tensor | None = None
) -> torch.Tensor:
    """The level of each code: float32 (..., width) from (..., packed width) and the 2**bits levels.

    Args:
        packed: uint8 codes.
        levels: what each code stands for.
        width: numbers of a vector; what the last byte holds beyond them is left out.
        out: contiguous memory on the processor that takes the result.
    """
    table = _levels_of_bytes(levels)
    if packed.device.type != "cpu":
        # A look-up of whole bytes is four times as fast as shifting bits out; int32 halves its index memory.
        numbers = torch.nn.functional.embedding(
            packed.to(torch.int32), torch.from_numpy(table).to(packed.device)
        ).flatten(-2)[..., :width]
        return numbers if out is None else out.copy_(numbers)
    codes = packed.numpy()
    if codes.shape[-1] * table.shape[1] > width:
        numbers = torch.from_numpy(table.take(codes, axis=0, mode="clip")).flatten(-2)[..., :width]
        return numbers if out is None else out.copy_(numbers)
    if out is None:
        out = torch.empty(*packed.shape[:-1], width)
    # NumPy's look-up takes half the time of torch's. With ``mode="clip"`` it does not check every index.
    table.take(codes, axis=0, mode="clip", out=out.numpy().reshape(*codes.shape, table.shape[1]))
    return out


@cache
def _levels_of_bytes(levels: tuple[float, ...]) -> npt.NDArray[np.float32]:
    """(256, codes a byte): the levels that each byte holds, highest bits first."""
    bits = len(levels).bit_length() - 1
    codes = np.arange(256)[:, None] >> np.arange(8 - bits, -1, -bits) & len(levels) - 1
    table: npt.NDArray[np.float32] = np.array(levels, np.float32)[codes]
    return table


def pack_at_least(values: torch.Tensor, threshold: torch.Tensor | float) -> torch.Tensor:
    """Bits of ``values >= threshold``, the first of eight in the highest place, zeros to fill the last byte.

    Args:
        values: floats (..., width).
        threshold: one for all, or (width,) in the dtype of ``values``.

    Returns:
        uint8 (..., ⌈width / 8⌉), on the device of ``values``. NaN gives 0.
    """
    in_numpy = (torch.float16, torch.float32, torch.float64)
    if values.device.type == "cpu" and values.dtype in in_numpy:
        # NumPy compares and packs with vector instructions: ten times as fast as torch and shifts.
        limit = threshold.numpy() if isinstance(threshold, torch.Tensor) else threshold
        return torch.from_numpy(np.packbits(values.detach().numpy() >= limit, axis=-1))
    return pack((values >= threshold).view(torch.uint8), 1)
