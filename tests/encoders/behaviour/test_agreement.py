"""Two runs agree up to rounding."""

from __future__ import annotations

import pytest
import torch

from encore.encoders.behaviour.agreement import states_differ

STATES = torch.randn(2, 9, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02), (torch.float16, 5e-3)])
def test_rounding_agrees_and_more_does_not(dtype: torch.dtype, rounding: float) -> None:
    noise = torch.randn(STATES.shape, generator=torch.Generator().manual_seed(1))
    assert not states_differ(STATES.to(dtype), (STATES * (1 + rounding * noise)).to(dtype))
    assert states_differ(STATES.to(dtype), (STATES + 0.5 * noise).to(dtype))


def test_one_token_is_enough_in_float32_alone() -> None:
    moved = STATES.clone()
    moved[1, 4] += 0.1
    assert states_differ(STATES, moved)
    assert not states_differ(STATES.bfloat16(), moved.bfloat16())


def test_one_layer_is_enough() -> None:
    moved = STATES.clone()
    moved[1] += 1.0
    assert states_differ(STATES.bfloat16(), moved.bfloat16())


def test_what_is_not_finite_agrees_with_its_like() -> None:
    broken, zero = STATES.clone(), STATES.clone()
    broken[0, 3, 2] = torch.inf
    zero[0, 3] = 0.0
    assert not states_differ(broken, broken.clone())
    assert states_differ(broken, STATES)
    assert not states_differ(zero, zero.clone())
    assert not states_differ(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3))
