"""What goes to a device and back is what it was, in memory of its own."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch

from encore.heads.scoring.streams import TURNS, DeviceStreams

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, CUDA])]


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("dtype", ["uint8", "float16", "int64"])
def test_an_array_arrives_as_it_is_and_in_memory_of_its_own(name: str, dtype: str) -> None:
    streams = DeviceStreams(torch.device(name))
    # A view with gaps, which nobody may write to, as a reader may hand out.
    values = np.arange(60).astype(dtype).reshape(6, 10)[::2]
    kept = values.copy()
    values.flags.writeable = False
    with warnings.catch_warnings(), streams.turn():
        warnings.simplefilter("error")
        arrived = streams.upload(values)
        arrived += 1
        back = streams.download(arrived)
    assert arrived.device.type == name
    assert back.dtype == values.dtype
    assert np.array_equal(back, kept + 1)
    assert np.array_equal(values, kept)


def test_on_the_processor_nobody_waits_for_a_turn() -> None:
    streams, together = DeviceStreams(torch.device("cpu")), Barrier(3 * TURNS)

    def work(_: int) -> int:
        with streams.turn():
            return together.wait(10)

    with ThreadPoolExecutor(3 * TURNS) as pool:
        assert sorted(pool.map(work, range(3 * TURNS))) == list(range(3 * TURNS))


def fail(number: int, seen: set[int]) -> None:
    """Note the stream of the turn, and go wrong."""
    seen.add(torch.cuda.current_stream().cuda_stream)
    raise OSError(f"number {number}")


@pytest.mark.cuda
@CUDA
def test_a_turn_is_given_back_and_has_a_stream_of_its_own() -> None:
    streams = DeviceStreams(torch.device("cuda"))
    usual = torch.cuda.current_stream()
    seen: set[int] = set()
    for number in range(3 * TURNS):
        with pytest.raises(OSError, match=f"number {number}"), streams.turn():
            fail(number, seen)
    assert torch.cuda.current_stream() == usual
    assert len(seen) == TURNS
    assert usual.cuda_stream not in seen
