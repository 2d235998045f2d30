"""Threads that encode divide the cores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from encore.encoders.passes.cores import SharedCores


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def share_of(cores: SharedCores) -> int:
    cores.divide()
    return torch.get_num_threads()


def test_the_last_one_at_work_has_all_cores() -> None:
    cores = SharedCores(4)
    with cores.taken():
        assert share_of(cores) == 4
        with cores.taken():
            assert share_of(cores) == 2
            with cores.taken():
                assert share_of(cores) == 1
        assert share_of(cores) == 4


def test_more_threads_than_cores_have_one_each() -> None:
    cores = SharedCores(1)
    with cores.taken(), cores.taken():
        assert share_of(cores) == 1


def test_a_thread_that_fails_gives_its_share_back() -> None:
    cores = SharedCores(2)
    with cores.taken():
        with pytest.raises(ValueError, match="failed"), cores.taken():
            raise ValueError("failed")
        assert share_of(cores) == 2


def test_torch_is_left_alone_where_nothing_is_known_of_the_cores() -> None:
    torch.set_num_threads(1)
    assert share_of(SharedCores(None)) == 1
