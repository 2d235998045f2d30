"""Memory comes back when the last view of it is gone, and not before."""

import gc

import numpy as np
import pytest
import torch

from encore.featurestore.segments.buffer_pool import SPARE, STEP, BufferPool

BYTES = np.dtype(np.uint8)


def address(values: np.ndarray) -> int:
    return values.ctypes.data


@pytest.mark.parametrize(("shape", "dtype"), [((7,), "<u2"), ((0, 48), "u1"), ((3, 2, 5), "<f4"), ((1 << 20, 3), "u1")])
def test_an_array_has_the_shape_and_can_be_written(shape: tuple[int, ...], dtype: str) -> None:
    values = BufferPool().empty(shape, np.dtype(dtype))
    assert (values.shape, values.dtype) == (shape, np.dtype(dtype))
    values[...] = 3
    assert (values == 3).all()


def test_the_next_block_lies_where_one_lay_that_is_dropped() -> None:
    buffers = BufferPool()
    first = buffers.empty((100, 48), BYTES)
    where = address(first)
    del first
    assert address(buffers.empty((STEP // 48, 48), BYTES)) == where


@pytest.mark.parametrize(
    "view",
    [
        lambda values: values[10:12],
        lambda values: values.reshape(-1).view(np.uint16)[5:],
        torch.from_numpy,
        memoryview,
        lambda values: torch.from_numpy(values[3:])[1].view(torch.int8),
    ],
)
def test_what_somebody_still_looks_at_stays_theirs(view: object) -> None:
    buffers = BufferPool()
    values = buffers.empty((100, 48), BYTES)
    where = address(values)
    values[...] = 7
    kept = view(values)  # type: ignore[operator]
    del values
    gc.collect()
    other = buffers.empty((100, 48), BYTES)
    assert address(other) != where
    other[...] = 0
    assert np.array_equal(np.asarray(kept).view(np.uint8), np.full(np.asarray(kept).view(np.uint8).shape, 7))
    del kept
    assert address(buffers.empty((100, 48), BYTES)) == where


def test_an_array_outlives_what_it_was_asked_of() -> None:
    buffers = BufferPool()
    values = buffers.empty((1000,), BYTES)
    values[...] = 5
    del buffers
    gc.collect()
    assert (values == 5).all()


def test_a_piece_that_is_too_small_is_not_given_out() -> None:
    buffers = BufferPool()
    del_me = buffers.empty((10,), BYTES)
    del del_me
    assert buffers.empty((STEP + 1,), BYTES).nbytes == STEP + 1


def test_few_pieces_are_kept() -> None:
    buffers = BufferPool()
    arrays = [buffers.empty((10,), BYTES) for _ in range(SPARE + 3)]
    places = {address(values) for values in arrays}
    arrays.clear()
    again = [buffers.empty((10,), BYTES) for _ in range(SPARE)]
    assert {address(values) for values in again} <= places
    assert len(buffers._spare) == 0
