import pytest

from encore.experiments.demo.docstrings import build_corpus


@pytest.fixture(scope="session")
def corpus():
    return build_corpus()
