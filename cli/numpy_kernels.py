"""Which kernels NumPy multiplies with, chosen before NumPy is imported."""

from __future__ import annotations

import os
from pathlib import Path

CORE_TYPE = "OPENBLAS_CORETYPE"
AVX512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}
"""What OpenBLAS's kernels for ``SkylakeX`` are made of."""


def choose_numpy_kernels(processors: str = "/proc/cpuinfo") -> None:
    """Have OpenBLAS take its kernels of full vector width on AMD's processors that can run them.

    Scoring counts on them, since MKL, which torch comes with, keeps to half the width there. OpenBLAS takes them by
    itself where it knows the processor; the 0.3.31 in NumPy 2.4 does not know Zen 5 and takes those of Haswell
    (https://github.com/OpenMathLib/OpenBLAS/issues/6029). What the environment says already stays.

    Args:
        processors: Linux's list of processors; where there is none nothing changes.
    """
    if CORE_TYPE in os.environ:
        return
    try:
        with Path(processors).open() as file:
            first = file.read(8192).partition("\n\n")[0]
    except OSError:
        return
    if "AuthenticAMD" in first and set(first.split()) >= AVX512:
        os.environ[CORE_TYPE] = "SkylakeX"
