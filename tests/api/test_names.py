"""What `import encore` offers, and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import encore

ROOT = Path(__file__).parents[2]
FUNCTIONS = {
    "backfill",
    "derive",
    "encode",
    "evaluate",
    "export",
    "load_head",
    "open_predictions",
    "open_store",
    "predict",
    "train",
}
RESULTS = {"Evaluation", "Head", "Predicted", "Predictions", "Report", "Store"}
ERRORS = {"CommitConflict", "DataError", "EncoreError", "JobError", "SpecMismatch", "StoreError", "UsageError"}


def test_the_public_names_are_these_and_no_others() -> None:
    assert set(encore.__all__) == FUNCTIONS | RESULTS | ERRORS | {"__version__"}
    assert encore.__all__ == sorted(encore.__all__) == dir(encore)


@pytest.mark.parametrize("name", sorted(FUNCTIONS | RESULTS | ERRORS))
def test_every_name_is_there_under_its_name_and_says_what_it_is(name: str) -> None:
    value = getattr(encore, name)
    assert value.__name__ == name
    assert len((value.__doc__ or "").splitlines()[0]) > 20
    assert name in dir(encore)


def test_editors_and_mypy_see_the_same_names_as_a_program() -> None:
    tree = ast.parse(Path(encore.__file__).read_text(encoding="utf-8"))
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in typed.body if isinstance(node, ast.ImportFrom)]
    seen = {name.name: node.module for node in imports for name in node.names}
    assert seen == encore._MODULES
    assert {*seen, "__version__"} == set(encore.__all__)


def test_the_version_is_that_of_the_distribution() -> None:
    assert encore.__version__[0].isdigit()


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'encoode'"):
        _ = encore.encoode


def loaded(code: str) -> set[str]:
    """Which of the large packages some lines load in a process of their own."""
    large = ("numpy", "pyarrow", "torch", "torch._dynamo", "apache_beam", "transformers", "rich", "typer")
    script = f"import sys\n{code}\nprint(*(name for name in {large} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_import_loads_nothing_large() -> None:
    assert loaded("import encore; dir(encore); encore.__version__") == set()


def test_a_store_is_opened_and_listed_without_what_jobs_need(tmp_path: Path) -> None:
    assert not {"apache_beam", "transformers", "torch"} & loaded("import encore; encore.open_store")


def test_a_head_is_trained_and_read_without_what_jobs_need_and_without_a_compiler() -> None:
    step = """
import encore, torch
encore.train
from encore.heads.model import AttentionPooling
from encore.heads.training.optimizer import HeadOptimizer
with torch.device("meta"):
    AttentionPooling(64)
HeadOptimizer({"bias": torch.zeros(3)}, encore.heads.TrainSettings(), 1e-3, 10).step({"bias": torch.ones(3)})
"""
    assert not {"apache_beam", "transformers", "torch._dynamo"} & loaded(step)
