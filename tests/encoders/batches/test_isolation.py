"""Batches that fail shrink to what works, and to the documents at fault."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.encoders.batches.isolation import REASON_LENGTH, BatchResult, DocumentFailure, run_batches
from encore.featurestore.common import Int64s
from encore.featurestore.common.panics import RustPanic

LENGTHS = np.array([5, 1, 3, 5, 2])


def test_results_come_with_their_documents_longest_first() -> None:
    outcomes = list(run_batches(LENGTHS, 10, lambda batch: batch.tolist()))
    assert [outcome.result for outcome in outcomes if isinstance(outcome, BatchResult)] == [[0, 3], [2, 4, 1]]


@given(
    lengths=st.lists(st.integers(1, 30), max_size=30),
    budget=st.integers(1, 200),
    room=st.integers(1, 100),
    faults=st.sets(st.integers(0, 29)),
)
def test_every_document_is_done_or_failed_exactly_once(
    lengths: list[int], budget: int, room: int, faults: set[int]
) -> None:
    values = np.array(lengths, np.int64)

    def run(batch: Int64s) -> None:
        if len(batch) * values[batch].max() > room:
            raise torch.OutOfMemoryError("no room")
        if faults & set(batch.tolist()):
            raise RuntimeError("at fault")

    done, failed = [], []
    for outcome in run_batches(values, budget, run):
        if isinstance(outcome, BatchResult):
            done += outcome.documents.tolist()
        else:
            failed.append(outcome.document)
    assert sorted(done + failed) == list(range(len(lengths)))
    assert set(failed) == {i for i, length in enumerate(lengths) if length > room or i in faults}


def test_a_reason_is_one_line_of_bounded_length() -> None:
    def run(batch: Int64s) -> None:
        raise ValueError("x" * 1000 + "\nsecond")

    (outcome,) = run_batches(np.array([1]), 1, run)
    assert isinstance(outcome, DocumentFailure)
    assert outcome.reason == ("ValueError: " + "x" * 1000)[:REASON_LENGTH]


def test_a_reason_quotes_no_text() -> None:
    def run(_batch: Int64s) -> None:
        raise RustPanic("byte index 5 is not a char boundary of `a secret text`")

    (failed,) = run_batches(np.array([1]), 8, run)
    assert failed == DocumentFailure(0, "RustPanic: byte index 5 is not a char boundary of …")


def test_an_error_without_text_still_has_a_reason() -> None:
    def run(batch: Int64s) -> None:
        raise RuntimeError

    (outcome,) = run_batches(np.array([1]), 1, run)
    assert isinstance(outcome, DocumentFailure)
    assert outcome.reason == "RuntimeError"


def test_a_device_that_failed_ends_the_block() -> None:
    def run(batch: Int64s) -> None:
        raise torch.AcceleratorError("device-side assert triggered")

    with pytest.raises(torch.AcceleratorError):
        list(run_batches(LENGTHS, 10, run))


def test_the_tensors_of_a_failed_batch_are_free_before_the_next_try() -> None:
    held: list[weakref.ref[torch.Tensor]] = []

    def run(batch: Int64s) -> None:
        assert all(tensor() is None for tensor in held)
        activations = torch.zeros(8)
        held.append(weakref.ref(activations))
        raise torch.OutOfMemoryError("no room") if len(batch) > 1 else RuntimeError("at fault")

    assert len([o for o in run_batches(LENGTHS, 100, run) if isinstance(o, DocumentFailure)]) == len(LENGTHS)
    assert len(held) > len(LENGTHS)
