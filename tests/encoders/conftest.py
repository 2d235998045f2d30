"""Two tiny encoders, made once: nothing changes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from encore.encoders import Encoder, load_encoder
from tests.models import tiny_bert, tiny_roberta


@pytest.fixture(scope="session")
def bert_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def roberta_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_roberta(tmp_path_factory.mktemp("roberta"))


@pytest.fixture(scope="session")
def bert(bert_path: Path) -> Encoder:
    return load_encoder(str(bert_path), device="cpu")


@pytest.fixture(scope="session")
def roberta(roberta_path: Path) -> Encoder:
    return load_encoder(str(roberta_path), device="cpu")
