"""Which tests belong to a file."""

from pathlib import Path

import pytest

from tests.changed import REGISTRIES, ROOT, FileTests

FILES = {
    "heads/labels/__init__.py": "from encore.heads.labels.files import read",
    "heads/labels/split.py": "",
    "heads/labels/files.py": "",
    "heads/labels/names.py": "",
    "heads/labels/words.py": "from encore.heads.labels import names",
    "heads/model/attention.py": "",
    "tests/test_repository.py": "",
    "tests/heads/test_package.py": "from tests.heads.labels.helper import help_out",
    "tests/heads/labels/helper.py": "",
    "tests/heads/labels/test_split.py": "",
    "tests/heads/labels/test_table.py": "def test():\n    from encore.heads.labels import (\n        read,\n    )",
    "tests/heads/labels/test_words.py": "import encore",
    "tests/docs/test_add_a_task.py": "",
    "tests/docs/test_site.py": "",
    "tests/api/test_names.py": "",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> FileTests:
    root = tmp_path_factory.mktemp("root")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return FileTests(root)


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("heads/labels/split.py", {"tests/heads/labels/test_split.py"}),
        # A name of it is imported through the door.
        ("heads/labels/files.py", {"tests/heads/labels/test_table.py"}),
        # Nothing imports it but a file that has tests.
        ("heads/labels/names.py", {"tests/heads/labels/test_words.py"}),
        ("heads/model/attention.py", {"tests/heads/test_package.py"}),
        ("tests/heads/labels/test_table.py", {"tests/heads/labels/test_table.py"}),
        ("tests/heads/labels/test_gone.py", set()),
        ("tests/heads/labels/helper.py", {"tests/heads/test_package.py"}),
        ("src/encore/__init__.py", {"tests/api/test_names.py", "tests/test_beam.py"}),
        (
            "docs/how-to/add-a-task.md",
            {f"tests/{it}.py" for it in ("docs/test_add_a_task", "docs/test_site", "test_repository")},
        ),
        ("pyproject.toml", {"tests/test_repository.py"}),
    ],
)
def test_the_tests_of_a_file_are_those_of_its_name_and_those_that_import_it(
    found: FileTests, file: str, tests: set[str]
) -> None:
    assert {str(it) for it in found.of(Path(file))} == tests


def test_every_file_has_tests_and_registries_are_where_they_are_named() -> None:
    assert [name for name in REGISTRIES if not (ROOT / name).exists()] == []
    found = FileTests()
    product = [
        file.relative_to(ROOT) for folder in ("heads", "pipelines", "cli") for file in (ROOT / folder).rglob("*.py")
    ]
    assert [str(file) for file in product if not found.of(file)] == []
