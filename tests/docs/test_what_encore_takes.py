from __future__ import annotations

from tests.docs.generated_tables import PAGE, with_tables


def test_the_page_shows_the_tables_that_the_tests_run() -> None:
    page = PAGE.read_text()
    assert page == with_tables(page), "run python -m tests.docs.generated_tables"
