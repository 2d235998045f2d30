from pathlib import Path

import pytest

from experiments.tradeoff.run import TradeoffReport, run_tradeoff
from tests.experiments.tradeoff.building import request, rich_store, silent


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rich_store(tmp_path_factory.mktemp("tradeoff"))


@pytest.fixture(scope="session")
def report(folder: Path) -> TradeoffReport:
    return run_tradeoff(request(folder, folder / "report"), silent)
