"""What goes to the device and back arrives as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from encore.encoders.passes.transfer import HostCopy, to_device

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=[pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]
    ),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(), (0, 3), (5, 7), (2000, 96)])
def test_numbers_arrive_as_they_were(device: str, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    there = to_device(np.asarray(values), torch.device(device))
    assert there.device.type == device
    np.testing.assert_array_equal(HostCopy.start(there).wait(), values)


@pytest.mark.parametrize("device", DEVICES)
def test_a_copy_holds_what_the_tensor_held_when_it_began(device: str) -> None:
    """Batches follow each other on one stream: a later batch writes after the copy."""
    values = torch.ones(1 << 20, device=device)
    copies = []
    for _ in range(4):
        copies.append(HostCopy.start(values + 0))
        values += 1
    assert [float(copy.wait().mean()) for copy in copies] == [1.0, 2.0, 3.0, 4.0]
