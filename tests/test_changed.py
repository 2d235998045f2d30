"""Which tests belong to a file."""

from pathlib import Path

import pytest

from tests.changed import belonging_to


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("tests/test_repository.py", "tests/heads/test_package.py", "tests/heads/labels/test_split.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "tests/heads/labels/test_table.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("heads/labels/split.py", {"tests/heads/labels/test_split.py"}),
        ("heads/labels/files.py", {"tests/heads/labels/test_split.py", "tests/heads/labels/test_table.py"}),
        ("heads/labels/__init__.py", {"tests/heads/labels/test_split.py", "tests/heads/labels/test_table.py"}),
        ("heads/model/attention.py", {"tests/heads/test_package.py"}),
        ("tests/heads/labels/test_table.py", {"tests/heads/labels/test_table.py"}),
        ("tests/heads/labels/test_gone.py", set()),
        ("tests/heads/labels/helper.py", {"tests/heads/labels/test_split.py", "tests/heads/labels/test_table.py"}),
        ("tests/heads/model/helper.py", {"tests/heads/test_package.py"}),
        ("docs/index.md", {"tests/test_repository.py"}),
        ("pyproject.toml", {"tests/test_repository.py"}),
    ],
)
def test_the_tests_of_a_file_are_those_of_its_name_or_of_its_room(root: Path, file: str, tests: set[str]) -> None:
    assert {str(found) for found in belonging_to(Path(file), root)} == tests
