"""The package gives what it names without loading torch before it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from encore import heads


def test_every_name_comes_from_its_module() -> None:
    assert sorted(heads.__all__) == sorted(heads._MODULES)
    for name, module in heads._MODULES.items():
        assert getattr(heads, name) is getattr(import_module(module), name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = heads.nothing


def test_packages_are_imported_without_torch() -> None:
    code = "import sys, featurestore, heads; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], timeout=120)
