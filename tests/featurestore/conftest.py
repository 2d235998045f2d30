"""The stores that most tests of maintenance begin with; some have their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from encore.featurestore import Catalogue
from tests.featurestore.building import spec_of
from tests.featurestore.grown_stores import grown


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return Catalogue.create(str(tmp_path / "store"), spec_of())


@pytest.fixture
def busy(store: Catalogue) -> Catalogue:
    return grown(store)
