"""What every test of repairs works on."""

from __future__ import annotations

from pathlib import Path

import pytest

from encore.featurestore import Catalogue
from encore.featurestore.storage import local_files
from tests.featurestore.damage import (
    history,
)


@pytest.fixture(autouse=True)
def nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty file is damage here: no writer is taking the name at the same time."""
    monkeypatch.setattr(local_files, "PAUSE", 0)


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return history(str(tmp_path / "store"))
