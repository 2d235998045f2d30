from __future__ import annotations

from pathlib import Path

import pytest

from encore.cli.main import run

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cost-model.md"


def test_the_page_shows_what_the_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["cost"]) == 0
    shown = PAGE.read_text().split("$ encore cost\n")[1].split("```")[0]
    assert shown == capsys.readouterr().out


def test_the_python_of_the_page_gives_the_number_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    code = PAGE.read_text().split("```python\n")[1].split("```")[0]
    exec(code, {})
    assert capsys.readouterr().out.strip() == code.split("# ")[1].strip()
