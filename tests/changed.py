"""Prints the test files that belong to the files it is given: `python -m tests.changed heads/training/grid.py`.

Without files, it takes what changed since the last commit, or in it when nothing did.

The tests of `heads/training/grid.py` are `tests/heads/training/test_grid.py`. For a file without tests of its own, the
script prints those of its room. For a file that no test knows (documentation, settings), it prints those of the
repository itself.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def changed_files() -> list[Path]:
    """Paths from the root: what differs from the last commit, or is new to git; else what that commit changed."""
    now = _lines("git", "diff", "--name-only", "HEAD") + _lines("git", "ls-files", "--others", "--exclude-standard")
    return [Path(name) for name in now or _lines("git", "diff", "--name-only", "HEAD~1", "HEAD")]


def belonging_to(file: Path, root: Path = ROOT) -> set[Path]:
    """The test files of one file, by its name, or by its folder."""
    if file.suffix != ".py" or len(file.parts) < 2:
        return {Path("tests/test_repository.py")}
    if file.parts[0] == "tests":
        if file.name.startswith("test_"):
            return {file} if (root / file).exists() else set()
        return _tests_in(root, file.parent)
    own = Path("tests", file.parent, f"test_{file.name}")
    return {own} if (root / own).exists() else _tests_in(root, Path("tests", file.parent))


def _tests_in(root: Path, folder: Path) -> set[Path]:
    """The test files of a folder, or of the nearest folder above it that has some."""
    while folder != Path() and not (found := {it.relative_to(root) for it in (root / folder).glob("test_*.py")}):
        folder = folder.parent
    return found if folder != Path() else set()


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]


if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[1:]] or changed_files()
    print(*sorted(set().union(*(belonging_to(file) for file in files))))
