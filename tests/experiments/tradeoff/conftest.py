from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from encore.experiments.tradeoff.run import TradeoffReport, run_tradeoff
from tests.experiments.tradeoff.building import request, rich_store, silent


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rich_store(tmp_path_factory.mktemp("tradeoff"))


@pytest.fixture(scope="session")
def report(folder: Path) -> TradeoffReport:
    return run_tradeoff(request(folder, folder / "report"), silent)


@pytest.fixture(scope="session")
def bundled_once() -> Iterator[None]:
    """The library of every page is bundled once: it is the same, and takes a second."""
    import vl_convert  # noqa: PLC0415 (an extra)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vl_convert, "javascript_bundle", cache(vl_convert.javascript_bundle))
        yield
