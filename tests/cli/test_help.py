"""What --help, --version and a shell's completion say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from encore.cli.console.panels import MANY, PANELS
from encore.cli.main import run
from tests.cli.loading import load_commands

ROOT = Path(__file__).parents[2]


COMMANDS = load_commands()


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("words", COMMANDS)
def test_no_word_is_broken(
    words: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run([*words.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= columns
    there = set(re.sub("[│╭╮╰╯─]", " ", shown).split())
    for option in COMMANDS[words].params:
        wanted = {*option.opts, *(option.metavar or "").split(), *(getattr(option, "help", "") or "").split()}
        names = wanted if option.param_type_name == "option" else wanted - set(option.opts)
        missing = {word for word in names if not any(word in other for other in there)}
        assert not missing, option.name


def test_commands_with_many_options_have_them_in_panels(capsys: pytest.CaptureFixture[str]) -> None:
    for words, found in COMMANDS.items():
        assert run([*words.split(), "--help"]) == 0
        shown = capsys.readouterr().out
        many = sum(option.param_type_name == "option" for option in found.params) > MANY
        assert any(f"─ {panel} ─" in shown for panel in PANELS) == many, words


def test_every_option_that_a_panel_names_is_one_of_some_command() -> None:
    there = {name for found in COMMANDS.values() for option in found.params for name in option.opts} | {"--help"}
    assert {name for names in PANELS.values() for name in names} <= there


def test_the_version_names_what_most_questions_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"encore {version('encore-featurestore')} (Python 3.")
    assert f"torch {version('torch')}" in shown
    assert shown.count("\n") == 1


def test_the_version_is_told_without_torch() -> None:
    heavy = "sorted({'torch', 'pyarrow'} & {*sys.modules})"
    code = f"import sys; from encore.cli.main import run; run(['--version']); print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


MAIN = "import sys; sys.argv[0] = 'encore'; from encore.cli.main import main; main()"


@pytest.mark.parametrize(
    ("shell", "words", "offered"),
    [
        ("bash", "encore enc", {"encode"}),
        ("zsh", "encore tr", {"train", "tradeoff"}),
        ("bash", "encore cost --he", {"--help"}),
    ],
)
def test_a_shell_is_told_what_may_follow(shell: str, words: str, offered: set[str]) -> None:
    asked = {"_ENCORE_COMPLETE": f"complete_{shell}", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    asked["_TYPER_COMPLETE_ARGS"] = words
    done = subprocess.run(
        [sys.executable, "-c", MAIN], env=os.environ | asked, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert offered <= set(re.findall(r"[\w-]+", done.stdout)), done
    assert "Traceback" not in done.stderr


def test_the_script_of_a_shell_calls_encore() -> None:
    done = subprocess.run(
        ["bash", "-c", 'exec "$0" "$@"', sys.executable, "-c", MAIN, "--show-completion", "bash"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )
    assert done.returncode == 0, done
    assert "_ENCORE_COMPLETE=complete_bash" in done.stdout
