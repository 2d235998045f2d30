"""Peak memory of a process."""

from __future__ import annotations

from pathlib import Path


def peak_mib() -> float:
    """Largest resident memory of this process so far, in MiB (Linux).

    ``getrusage`` would begin with that of the process which started this one.
    """
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) / 1024, 1)
