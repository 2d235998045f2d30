"""Whether two runs of an encoder on the same tokens gave the same hidden states, but for rounding."""

from __future__ import annotations

import torch

ROUNDING = {torch.float32: 1e-3, torch.float16: 0.03, torch.bfloat16: 0.1}
"""Difference of two states of a token, as a part of its length, up to which it is rounding. minilm's are 1e-6 apart in
float32 and 0.02 in bfloat16. What padding does to an encoder that does not mask it was 0.05 to 2 in tiny ones."""


def differ(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether hidden states (layers, tokens, d) of one document differ by more than rounding.

    In float32 any token's may. In half precision more than half of the tokens have to: where experts are chosen,
    rounding can send a token to another one. What is not finite in both, in the same places, agrees.
    """
    tolerance = ROUNDING[one.dtype]
    if one.is_cuda:
        # Convolutions there round to TF32.
        tolerance = max(tolerance, 0.01)
    every = one.dtype == torch.float32
    one, other = one.float(), other.float()
    alike = one.isfinite() == other.isfinite()
    one, other = (states.nan_to_num(0.0, 0.0, 0.0) for states in (one, other))
    length = one.norm(dim=-1)
    # A state of zeros is measured by the others of its layer.
    length = torch.maximum(length, 1e-3 * length.mean(dim=-1, keepdim=True)).clamp_min(1e-30)
    apart = (one - other).norm(dim=-1) / length
    apart[~alike.all(dim=-1)] = torch.inf
    worst = apart.amax(dim=-1) if every else apart.median(dim=-1).values
    return bool((worst > tolerance).any())
