"""Prints the test files that belong to the files it is given: `python -m tests.changed heads/training/grid.py`.

Without files, it takes what changed since the last commit, or in it when nothing did. The tests of a file are

- the tests of its name: those of `heads/training/grid.py` are `tests/heads/training/test_grid.py`;
- the tests that import it, or a name of it through a door, if they are few;
- without any of these, those of the files that import it; and in the end those of its room.

Tests of documentation are named after the page. A file that no test knows (settings) has those of the repository.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("api", "cli", "encoders", "experiments", "featurestore", "heads", "pipelines", "tablefiles")
REGISTRIES = {
    "cli/command_table.py": ("tests/cli",),
    "featurestore/quantizers/registry.py": ("tests/featurestore", "tests/docs", "tests/cli/commands/experiments"),
    "heads/model/registry.py": ("tests/heads/model", "tests/heads/training"),
}
"""Registries → folders of tests that go through all entries."""
FEW = 12
"""Tests that import a file are taken if there are no more: others import it as a tool."""


def changed_files() -> list[Path]:
    """Paths from the root: what differs from the last commit, or is new to git; else what that commit changed."""
    now = _lines("git", "diff", "--name-only", "HEAD") + _lines("git", "ls-files", "--others", "--exclude-standard")
    return [Path(name) for name in now or _lines("git", "diff", "--name-only", "HEAD~1", "HEAD")]


class FileTests:
    """The test files of each file below a root."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._importers: dict[Path, set[Path]] = {}
        for folder in (*PRODUCT, "tests"):
            for file in (root / folder).rglob("*.py"):
                for imported in self._imports(file.relative_to(root)):
                    self._importers.setdefault(imported, set()).add(file.relative_to(root))

    def of(self, file: Path) -> set[Path]:
        """The test files of one file."""
        if file.suffix == ".md":
            page = Path("tests/docs", f"test_{file.stem.replace('-', '_')}.py")
            return {it for it in (page, Path("tests/docs/test_site.py")) if self._is_there(it)} | REPOSITORY
        if file.suffix != ".py" or len(file.parts) < 2:
            return REPOSITORY
        if file.parts[:2] == ("src", "encore"):
            return self._in(Path("tests/api")) | {Path("tests/test_beam.py")}
        if file.parts[0] == "tests" and file.name.startswith("test_"):
            return {file} if self._is_there(file) else set()
        folder = file.parent if file.parts[0] == "tests" else Path("tests", file.parent)
        found = self._found(file, {file}) or self._in(folder)
        return found.union(*(self._tests_in(Path(it)) for it in REGISTRIES.get(str(file), ())))

    def _found(self, file: Path, seen: set[Path]) -> set[Path]:
        """Tests by name and by import; without any, those of the importers that were not seen on the way here."""
        own = Path("tests", file.parent, f"test_{file.name}")
        importers = self._importers.get(file, set())
        tests = {it for it in importers if it.name.startswith("test_")}
        if len(tests) > FEW and file.parts[0] != "tests":
            tests = set()
        if self._is_there(own):
            return {own} | tests
        nearer = importers - seen - tests
        return tests or set().union(*(self._found(it, seen | importers) for it in sorted(nearer)))

    def _imports(self, file: Path) -> Iterator[Path]:
        """Files that a file imports, also where it imports their names through a door."""
        for node in ast.walk(ast.parse((self._root / file).read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    yield from self._file_of(node.module, alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self._file_of(alias.name, "")

    def _file_of(self, module: str, name: str) -> Iterator[Path]:
        """The file of a module, or of a name in it; a door's names are those of the files behind it."""
        parts = module.split(".")
        if parts[0] not in ("encore", "tests") or module == "encore":
            return
        folder = Path(*parts[parts[0] == "encore" :])
        for file in (folder / f"{name}.py", folder.with_suffix(".py")):
            if self._is_there(file):
                yield file
                return
        behind = self._door(folder).get(name)
        if behind is not None and behind != module:
            yield from self._file_of(behind, name)

    @cache  # noqa: B019 (one object lives as long as the process)
    def _door(self, folder: Path) -> dict[str, str]:
        """Name that a door offers → module that it takes it from."""
        door = self._root / folder / "__init__.py"
        if not door.exists():
            return {}
        nodes = ast.walk(ast.parse(door.read_bytes()))
        found = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
        return {alias.asname or alias.name: str(node.module) for node in found for alias in node.names}

    def _in(self, folder: Path) -> set[Path]:
        """The test files of a folder, or of the nearest folder above it that has some."""
        while folder != Path() and not (found := set(self._tests_in(folder))):
            folder = folder.parent
        return found if folder != Path() else set()

    def _tests_in(self, folder: Path) -> Iterator[Path]:
        return (it.relative_to(self._root) for it in (self._root / folder).glob("test_*.py"))

    def _is_there(self, file: Path) -> bool:
        return (self._root / file).exists()


REPOSITORY = {Path("tests/test_repository.py")}


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]


if __name__ == "__main__":
    tests = FileTests()
    files = [Path(name) for name in sys.argv[1:]] or changed_files()
    print(*sorted(set().union(*(tests.of(file) for file in files))))
