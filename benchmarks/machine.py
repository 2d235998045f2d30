"""What a benchmark ran on: processor, memory and versions, neither the machine's name nor a path."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

PACKAGES = (
    "apache-beam",
    "numcodecs",
    "numpy",
    "obstore",
    "pyarrow",
    "sentence-transformers",
    "tokenizers",
    "torch",
    "transformers",
    "zarr",
)


def describe_machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory (GiB), GPU, Python, package versions, kernels, and commit."""
    return {
        "processor": _line_of("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": available_cores(),
        "memory_gib": _memory_gib(),
        "gpu": _gpu(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "kernels": _kernels(),
        "commit": _commit(),
    }


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_average() -> float:
    """Processes that ran or waited for a core, on average over the last minute."""
    return round(os.getloadavg()[0], 2)


def file_system(folder: Path) -> str:
    """Kind of the file system that a folder lies in, as the kernel names it; ``unknown`` where it does not tell."""
    mounts = Path("/proc/self/mountinfo")
    found = [line.split(" - ") for line in mounts.read_text().splitlines()] if mounts.exists() else []
    kinds = {Path(where.split()[4]): what.split()[0] for where, what in found}
    return next((kinds[above] for above in (folder.resolve(), *folder.resolve().parents) if above in kinds), "unknown")


def _memory_gib() -> float | None:
    kib = _line_of("/proc/meminfo", "MemTotal")
    return round(int(kib.split()[0]) / 2**20, 1) if kib else None


def _gpu() -> str | None:
    # Whoever has not loaded torch measures nothing on a GPU, and may be measuring how long imports take.
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else None


def _kernels() -> dict[str, str]:
    """Which kernels for matrix products NumPy's OpenBLAS and torch have chosen, of what is loaded."""
    torch = sys.modules.get("torch")
    found = {} if torch is None else {"torch": str(torch.backends.cpu.get_cpu_capability())}
    libraries = [library for library in threadpool_info() if library["internal_api"] == "openblas"]
    return found | {library["prefix"]: library["architecture"] for library in libraries}


def _commit() -> str | None:
    """Commit that was measured, ``+`` behind it where tracked files differ from it; None outside a clone."""
    asked = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _line_of(path: str, name: str) -> str | None:
    """Value of the first line ``name: value`` of a file of the kernel."""
    file = Path(path)
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
