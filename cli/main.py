"""The command `encore`: assembles the commands, and turns errors into one or two lines and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from io import TextIOWrapper
from types import FrameType
from typing import NoReturn

import typer

from cli import (
    backfill,
    compact,
    cost,
    delete,
    demo,
    derive,
    documents,
    encode,
    evaluate,
    experiment,
    inspect_store,
    multitask,
    predict,
    snapshots,
    tag,
    tradeoff,
    train,
    vacuum,
    verify,
)
from cli.beam_options import BeamOptions
from cli.logs import set_up_logging

INTERRUPTED = 130
RESUMING = ("encode", "backfill", "derive", "multitask", "demo", "tradeoff", "experiment")
"""Commands that find what an interrupted run has finished."""

NO_TEMPORARY_FOLDER = "No usable temporary directory found"
"""What Python's tempfile says; torch asks for one as soon as it is loaded."""

app = typer.Typer(
    name="encore",
    help=(
        "Encode once, answer forever: run a Transformer encoder over a corpus once, keep its token features in a "
        "compact store, and train and score any number of classifiers from the store."
    ),
    epilog="Apache Beam's own options follow -- at the end of encode, derive and backfill. --debug shows tracebacks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    encode,
    train,
    backfill,
    predict,
    evaluate,
    derive,
    inspect_store,
    documents,
    snapshots,
    tag,
    delete,
    verify,
    compact,
    vacuum,
    multitask,
    cost,
    demo,
    experiment,
    tradeoff,
):
    module.register(app)


def main() -> NoReturn:
    """Entry point of the console script.

    Words after ``--`` are Beam's options. ``--debug``, anywhere before them, shows the traceback of an error.
    """
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    own, beam_options = words[:split], words[split + 1 :]
    debug = "--debug" in own
    signal.signal(signal.SIGTERM, _interrupt)
    take_every_character()
    set_up_logging(debug=debug)
    code = run([word for word in own if word != "--debug"], tuple(beam_options), debug=debug)
    sys.stdout.flush()
    sys.stderr.flush()
    # A runner's worker threads may still be at work on an interrupted unit; nobody waits for what is not wanted.
    os._exit(code)


def take_every_character() -> None:
    """Let standard output and error take any text: what their encoding lacks is written as its number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run(words: list[str], beam_options: tuple[str, ...] = (), *, debug: bool = False) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrong usage."""
    try:
        _require_text(words)
        app(args=words, prog_name="encore", obj=BeamOptions(beam_options), standalone_mode=True)
    except SystemExit as done:
        # Typer turns Ctrl-C into this exit code.
        if done.code == INTERRUPTED:
            kept = "; finished units are kept: the same command resumes" if words[0] in RESUMING else ""
            print(f"encore: interrupted{kept}", file=sys.stderr)
        return done.code if isinstance(done.code, int) else 1
    except BrokenPipeError:
        return 0
    except BaseException as error:  # whoever runs a command gets a line and an exit code, whatever it was
        # As featurestore.panics tells them, which would be slow to import before --help.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        # Imported late: torch comes with it, and --help answers at once.
        from featurestore.errors import EncoreError  # noqa: PLC0415

        if debug:
            traceback.print_exception(error)
        if isinstance(error, FileNotFoundError) and NO_TEMPORARY_FOLDER in str(error):
            return _fail("there is no folder for temporary files that can be written to; set TMPDIR to one", 1)
        if isinstance(error, EncoreError | OSError):
            return _fail(str(error), error.exit_code if isinstance(error, EncoreError) else 1)
        first = (str(error).splitlines() or [""])[0]
        return _fail(f"a mistake of Encore's own: {type(error).__name__}: {first}; please report it with --debug", 1)
    return 0


def _require_text(words: list[str]) -> None:
    """See that every word could be decoded: Python keeps other bytes as lone surrogates, which nothing can write."""
    for word in words:
        if any("\ud800" <= character <= "\udfff" for character in word):
            from featurestore.errors import UsageError  # noqa: PLC0415

            shown = word.encode(errors="surrogateescape").decode(errors="backslashreplace")
            raise UsageError(f"{shown}: is not text in the encoding of this locale; rename it, or set LC_ALL=C.UTF-8")


def _fail(message: str, code: int) -> int:
    from cli.output import printable  # noqa: PLC0415

    print(f"encore: {printable(message, keep=chr(10))}", file=sys.stderr)
    return code


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
