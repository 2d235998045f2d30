"""A device that was asked for is used or refused."""

from threading import Semaphore

import pytest
import torch

from encore.encoders.device import resolve_device, resolve_dtype, turns_on
from encore.featurestore.errors import UsageError

CPU = torch.device("cpu")


def with_cuda(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_auto_is_cuda_where_there_is_any(monkeypatch: pytest.MonkeyPatch) -> None:
    with_cuda(monkeypatch, 2)
    assert resolve_device("auto") == torch.device("cuda")
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    with_cuda(monkeypatch, 0)
    assert resolve_device("auto") == CPU


def test_a_missing_device_is_an_error_and_no_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with_cuda(monkeypatch, 0)
    with pytest.raises(UsageError, match="device cuda: this machine has no CUDA device; ask for device cpu"):
        resolve_device("cuda")
    with_cuda(monkeypatch, 1)
    with pytest.raises(UsageError, match=r"device cuda:1: this machine has 1 CUDA device\(s\)"):
        resolve_device("cuda:1")


def test_an_unknown_device_or_dtype_is_refused() -> None:
    with pytest.raises(UsageError, match="device 'tpu': expected auto, cpu, cuda"):
        resolve_device("tpu")
    with pytest.raises(UsageError, match="dtype 'float64': expected float32, bfloat16, float16"):
        resolve_dtype("float64", CPU)


def test_float16_is_for_cuda() -> None:
    with pytest.raises(UsageError, match="dtype float16 on the CPU"):
        resolve_dtype("float16", CPU)
    assert resolve_dtype("float16", torch.device("cuda")) == torch.float16
    assert resolve_dtype("bfloat16", CPU) == torch.bfloat16


def test_two_threads_at_a_time_encode_on_a_cuda_device() -> None:
    turns = turns_on(torch.device("cuda"))
    assert isinstance(turns, Semaphore)
    with turns, turns:
        assert not turns.acquire(blocking=False)
    assert turns.acquire(blocking=False)


def test_no_thread_waits_for_the_cpu() -> None:
    turns = turns_on(torch.device("cpu"))
    with turns, turns, turns:
        pass
