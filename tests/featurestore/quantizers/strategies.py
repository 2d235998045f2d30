"""Float features as Hypothesis draws them."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst


def features(bound: float = 1e4, max_rows: int = 12, max_width: int = 20) -> st.SearchStrategy[torch.Tensor]:
    """Finite float32 tensors of shape (rows, width), at least one of each."""
    shapes = st.tuples(st.integers(1, max_rows), st.integers(1, max_width))
    limit = float(np.float32(bound))
    elements = st.floats(-limit, limit, width=32, allow_nan=False, allow_infinity=False)
    return shapes.flatmap(lambda shape: npst.arrays(np.float32, shape, elements=elements)).map(torch.from_numpy)
