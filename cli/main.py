"""The command `encore`. It assembles the commands, and turns errors into one or two lines and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

from encore.cli.command_table import COMMANDS, LazyGroup
from encore.cli.console.logs import set_up_logging
from encore.cli.console.panels import lay_out
from encore.cli.console.streams import flush_streams, guard_streams
from encore.cli.console.terminal import error_console, folded, printable, without_secrets
from encore.cli.console.version import print_version
from encore.cli.options.beam import BeamOptions

INTERRUPTED = 130
COMPLETION = "_ENCORE_COMPLETE"
"""Environment variable, set by the script that `encore --show-completion` prints."""

NO_TEMPORARY_FOLDER = "No usable temporary directory found"
"""Message of Python's tempfile. torch asks for a temporary folder when it is imported."""

app = typer.Typer(
    name="encore",
    cls=LazyGroup,
    help=(
        "Encode once, answer forever: run a Transformer encoder over a corpus once, keep its token features in a "
        "compact store, and train and score any number of classifiers from the store."
    ),
    epilog="Apache Beam's own options follow -- at the end of encode, derive and backfill. --debug shows tracebacks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def encore(
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=print_version, help="Print the versions and exit."),
    ] = False,
) -> None:
    """Nothing of its own."""


def main() -> NoReturn:
    """Entry point of the console script.

    Words after ``--`` are Beam's options. ``--debug``, anywhere before them, shows the traceback of an error.
    """
    if COMPLETION in os.environ:
        # A shell asks for completions. This prints them and exits.
        command()(prog_name="encore")
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    own, beam_options = words[:split], words[split + 1 :]
    debug = "--debug" in own
    signal.signal(signal.SIGTERM, _interrupt)
    guard_streams()
    set_up_logging(debug=debug)
    code = run([word for word in own if word != "--debug"], tuple(beam_options), debug=debug)
    if refused := flush_streams():
        code = _fail(f"standard output: {refused.strerror}; what was to be done is done, and not all of it is shown", 1)
    # Worker threads may still be at work on an interrupted unit. The exit does not wait for them.
    os._exit(code)


def command() -> Any:
    """The command with all subcommands, with options in panels."""
    found = typer.main.get_command(app)
    lay_out(found)
    return found


def run(words: list[str], beam_options: tuple[str, ...] = (), *, debug: bool = False) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrong usage."""
    try:
        _require_text(words)
        _invoke(words, beam_options)
    except typer.Exit as done:
        return done.exit_code
    except KeyboardInterrupt:
        entry = COMMANDS.get(words[0])
        kept = "; finished units are kept: the same command resumes" if entry and entry.resumes else ""
        return _fail(f"interrupted{kept}", INTERRUPTED)
    except BaseException as error:  # whoever runs a command gets a line and an exit code, whatever it was
        # The same test as in encore.featurestore.common.panics, which would be slow to import before --help.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        return _report(error, (*words, *beam_options), debug=debug)
    return 0


def _report(error: BaseException, words: Sequence[str], *, debug: bool) -> int:
    """Print in a line or two why the command ended. Returns its exit code."""
    if isinstance(error, TyperException):
        # Called without words: typer has printed the help already.
        return error.exit_code if type(error).__name__ == "NoArgsIsHelpError" else _fail(_usage(error), 2, words)
    # Imported late: it imports torch, and --help should answer at once.
    from encore.featurestore.common import class_and_line  # noqa: PLC0415
    from encore.featurestore.errors import EncoreError  # noqa: PLC0415

    if debug:
        print(_harmless("".join(traceback.format_exception(error)), words), end="", file=sys.stderr)
    if isinstance(error, EncoreError):
        return _fail(str(error), error.exit_code)
    if isinstance(error, FileNotFoundError) and NO_TEMPORARY_FOLDER in str(error):
        return _fail("there is no folder for temporary files that can be written to; set TMPDIR to one", 1)
    if isinstance(error, OSError):
        return _fail(str(error), 1, words)
    return _fail(f"a mistake of Encore's own: {class_and_line(error)}; please report it with --debug", 1, words)


def _invoke(words: list[str], beam_options: tuple[str, ...]) -> None:
    """Run the command that these words name."""
    # Not run by typer itself, which exits silently at any broken pipe or connection, and prints words unescaped.
    with command().make_context("encore", words, obj=BeamOptions(beam_options)) as context:
        context.command.invoke(context)


def _usage(error: TyperException) -> str:
    """The message for wrong usage, with a pointer to --help."""
    context = getattr(error, "ctx", None)
    command = "encore" if context is None else context.command_path
    return f"{error.format_message().strip().removesuffix('.')}; {command} --help tells what it takes"


def _require_text(words: list[str]) -> None:
    """Check that every word is text. Python keeps undecodable bytes as lone surrogates, which cannot be written."""
    for word in words:
        if any("\ud800" <= character <= "\udfff" for character in word):
            from encore.featurestore.errors import UsageError  # noqa: PLC0415

            shown = word.encode(errors="surrogateescape").decode(errors="backslashreplace")
            raise UsageError(f"{shown}: is not text in the encoding of this locale; rename it, or set LC_ALL=C.UTF-8")


def _fail(message: str, code: int, words: Sequence[str] = ()) -> int:
    print(folded(_harmless(f"encore: {message}", words), error_console()), file=sys.stderr)
    return code


def _harmless(text: str, words: Sequence[str] = ()) -> str:
    """A text that is safe for a terminal, without credentials in URLs or in these words."""
    urls = [part for word in words for part in (word, word.partition("=")[2]) if ":/" in part]
    return printable(without_secrets(text, urls) if words else text, keep="\n")


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
