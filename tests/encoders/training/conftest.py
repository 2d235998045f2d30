"""A tiny encoder that every test loads afresh, since training changes what is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models import tiny_bert


@pytest.fixture(scope="session")
def encoder_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("trained-bert"))
