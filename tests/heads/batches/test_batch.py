"""Views of a batch: by document, by layer, and what of it is padding or text."""

from __future__ import annotations

import pytest
import torch

from encore.heads.batches.batch import Batch

LENGTHS = torch.tensor([3, 1])


def test_rows_are_documents_after_each_other() -> None:
    rows = torch.arange(12.0).view(6, 2)
    batch = Batch(rows, 3, LENGTHS)
    assert len(batch) == 2
    assert torch.equal(batch.values, rows.view(2, 3, 2))
    assert batch.layers == 1
    assert torch.equal(batch.by_layer, batch.values)


def test_layers_lie_side_by_side_or_are_mixed() -> None:
    values = torch.randn(2, 3, 4, 5)
    batch = Batch.of(values, LENGTHS)
    assert batch.layers == 4
    assert torch.equal(batch.by_layer, values.flatten(1, 2))
    mixed = batch.mixed(torch.tensor([0.5, 0.5, 0.0, 0.0]))
    torch.testing.assert_close(mixed.values, values[:, :, :2].mean(dim=2))
    assert mixed.mixed(torch.ones(7)) is mixed


def test_padding_and_texts_are_told_by_lengths() -> None:
    batch = Batch.of(torch.zeros(2, 3, 1), LENGTHS, torch.tensor([2, 1]))
    assert batch.padding.tolist() == [[False, False, False], [False, True, True]]
    assert batch.texts.tolist() == [
        [[True, True, False], [False, False, True]],
        [[True, False, False], [False, False, False]],
    ]
    with pytest.raises(ValueError, match="need the lengths of the first texts"):
        _ = Batch.of(torch.zeros(2, 3, 1), LENGTHS).texts
