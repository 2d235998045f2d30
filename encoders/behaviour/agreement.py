"""Whether two runs of an encoder on the same tokens gave the same hidden states, up to rounding."""

from __future__ import annotations

import torch

TOLERANCES = {torch.float32: 1e-3, torch.float16: 0.03, torch.bfloat16: 0.1}
"""Type → largest difference of two states of a token that counts as rounding, as a share of the state's length.
minilm's states differ by 1e-6 in float32 and 0.02 in bfloat16. In tiny encoders that do not mask padding, padding
changed states by 0.05 to 2."""


def states_differ(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether hidden states (layers, tokens, d) of one document differ by more than rounding.

    In float32 they differ if one token does. In half precision more than half of the tokens must differ: in a mixture
    of experts, rounding can send a token to another expert. Values that are not finite in both runs, in the same
    places, agree.
    """
    tolerance = TOLERANCES[one.dtype]
    if one.is_cuda:
        # On CUDA, convolutions round to TF32.
        tolerance = max(tolerance, 0.01)
    every = one.dtype == torch.float32
    one, other = one.float(), other.float()
    alike = one.isfinite() == other.isfinite()
    one, other = (states.nan_to_num(0.0, 0.0, 0.0) for states in (one, other))
    length = one.norm(dim=-1)
    # A state of zeros has no length: take that of the other states of its layer.
    length = torch.maximum(length, 1e-3 * length.mean(dim=-1, keepdim=True)).clamp_min(1e-30)
    apart = (one - other).norm(dim=-1) / length
    apart[~alike.all(dim=-1)] = torch.inf
    worst = apart.amax(dim=-1) if every else apart.median(dim=-1).values
    return bool((worst > tolerance).any())
