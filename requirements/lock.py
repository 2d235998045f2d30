"""Locks what `pyproject.toml` asks for, with the hashes of all files: `python requirements/lock.py`, which takes uv.

Versions that are locked stay where they still fit, unless words such as ``--upgrade-package NAME`` tell uv otherwise.

- ``develop.txt``: what `make setup` installs, but for torch.
- ``torch.txt``: torch as the package index has it, and the libraries of CUDA that it asks for on Linux.
- ``sentencepiece.txt``: an extra by itself, since its absence is tested.
- ``constraints.txt``, beside ``pyproject.toml``: the versions alone, for ``pip install -c``.

``torch-cpu.txt`` is written by hand, with `pip hash FILE`: CPU builds are in other places than the package index.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
WORDS = ("--all-extras", "--universal", "--python-version=3.11", "--generate-hashes", "--no-annotate", "--no-header")
CUDA = re.compile(r"(?:cuda|nvidia|triton)\b")
TORCH = re.compile(rf"torch\b|{CUDA.pattern}")
PINNED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


def main() -> None:
    """Write the four files."""
    files = {name: HERE / f"{name}.txt" for name in ("develop", "torch", "sentencepiece")}
    parts: dict[str, list[str]] = {name: [] for name in files}
    for entry in locked("".join(file.read_text(encoding="utf-8") for file in files.values())):
        name = "torch" if TORCH.match(entry) else "sentencepiece" if entry.startswith("sentencepiece") else "develop"
        parts[name].append(entry)
    for name, entries in parts.items():
        files[name].write_text("\n".join(["# Written by requirements/lock.py.", *entries, ""]), encoding="utf-8")
    locks = [file.read_text(encoding="utf-8") for file in files.values()]
    (HERE.parent / "constraints.txt").write_text(constraints(locks), encoding="utf-8")


def constraints(locks: list[str]) -> str:
    """Versions alone; a build of torch that is found elsewhere brings what it needs of CUDA."""
    pins = {name: version for text in locks for name, version in PINNED.findall(text) if not CUDA.match(name)}
    lines = [f"{name}=={pins[name]}" for name in sorted(pins)]
    return "\n".join(
        ["# Every package of the development environment, pinned; hashes are in requirements/.", *lines, ""]
    )


def locked(before: str) -> list[str]:
    """Each package with version, marker and hashes; the versions are those of ``before`` where they still fit."""
    output = HERE / "locked.tmp"
    output.write_text("\n".join(f"{name}=={version}" for name, version in PINNED.findall(before)), encoding="utf-8")
    command = ["uv", "pip", "compile", "--quiet", "pyproject.toml", *WORDS, f"--output-file={output}", *sys.argv[1:]]
    try:
        subprocess.run(command, cwd=HERE.parent, check=True)
        found = re.split(r"\n(?=\S)", output.read_text(encoding="utf-8"))
    finally:
        output.unlink()
    return [entry.rstrip() for entry in found]


if __name__ == "__main__":
    main()
