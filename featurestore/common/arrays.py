"""Types of arrays that every package uses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]
