"""Position pooling drops padding, whatever it holds."""

import numpy as np
import pytest
import torch

from encore.encoders.passes.positions import StoredPositions

KEPT = np.array([[True, True, True], [True, False, False]])
VALUES = torch.tensor([[[1.0], [2.0], [6.0]], [[5.0], [float("nan")], [float("nan")]]])


@pytest.mark.parametrize(
    ("kind", "rows", "lengths"),
    [("tokens", [1.0, 2.0, 6.0, 5.0], [3, 1]), ("cls", [1.0, 5.0], [1, 1]), ("mean", [3.0, 5.0], [1, 1])],
)
def test_positions_are_pooled(kind: str, rows: list[float], lengths: list[int]) -> None:
    positions = StoredPositions.build(kind, KEPT, torch.device("cpu"))
    assert positions.select(VALUES).flatten().tolist() == rows
    assert positions.lengths.tolist() == lengths


@pytest.mark.parametrize("kind", ["tokens", "cls", "mean"])
def test_half_precision_is_pooled_in_single(kind: str) -> None:
    positions = StoredPositions.build(kind, KEPT, torch.device("cpu"))
    assert positions.select(VALUES.to(torch.bfloat16)).dtype == torch.float32


def test_a_mean_leaves_out_what_is_not_kept_in_the_middle() -> None:
    kept = np.array([[False, True, True], [True, False, False]])
    positions = StoredPositions.build("mean", kept, torch.device("cpu"))
    assert positions.select(VALUES).flatten().tolist() == [4.0, 5.0]
