from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from encore.cli.main import run
from tests.cli.loading import ENTRIES, load_commands

ROOT = Path(__file__).parents[2]
FILES = ROOT / "cli" / "commands"


def test_every_file_of_a_command_has_an_entry_and_every_entry_its_file() -> None:
    files = {".".join(path.relative_to(FILES).with_suffix("").parts) for path in FILES.rglob("[!_]*.py")}
    assert len(files) > 25
    assert {entry.module for entry in ENTRIES.values() if not entry.commands} == files


@pytest.mark.parametrize("words", ENTRIES)
def test_the_list_of_commands_says_what_the_help_of_each_begins_with(words: str) -> None:
    found = load_commands()[words]
    assert (found.name, found.help.split("\n\n")[0]) == (words.rsplit(maxsplit=1)[-1], ENTRIES[words].summary)


@pytest.mark.parametrize(
    ("words", "imported"),
    [
        (["--help"], []),
        (["experiment", "--help"], []),
        (["unheard-of"], []),
        (["experiment", "frozen", "--help"], ["experiments.frozen"]),
        (["tag", "--help"], ["store.tag"]),
    ],
)
def test_only_the_command_that_is_called_is_imported(words: list[str], imported: list[str]) -> None:
    modules = sorted(entry.module for entry in ENTRIES.values() if entry.module)
    code = (
        f"import sys; from encore.cli.main import run; run({words}); "
        f"print('imported:', *[it for it in {modules} if 'encore.cli.commands.' + it in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1].split() == ["imported:", *imported]


@pytest.mark.parametrize(("command", "resumes"), [("multitask", True), ("train", False)])
def test_an_interruption_says_whether_the_command_resumes(
    command: str, resumes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("encore.cli.main._invoke", interrupted)
    assert run([command]) == 130
    assert ("the same command resumes" in capsys.readouterr().err) == resumes
