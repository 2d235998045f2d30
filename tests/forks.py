"""Processes that start at once: forks of multiprocessing's fork server, which imports torch and Beam once for all.

A new interpreter takes seconds of processor time to import them. A test needs one where it is about the interpreter's
own start: closed streams, an installation, a kernel.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMPORTED = (
    "encore.cli.main",
    "encore.cli.printing.jobs",
    "encore.cli.printing.tables",
    "encore.cli.printing.store.vacuum",
    "encore.experiments.tradeoff.measurement",
    "encore.featurestore.rewriting.compaction",
    "encore.featurestore.rewriting.deletion",
    "encore.featurestore.removal.vacuum",
    "encore.heads.feature_dataset",
    "encore.heads.training.store",
    "encore.pipelines.backfill.job",
    "encore.pipelines.encoding.job",
    # What these import only when they are at work.
    "IPython",
    "pyarrow.substrait",
    "pydantic.main",
    "pydantic.types",
    "transformers.models.bert.modeling_bert",
    "transformers.models.bert.tokenization_bert",
)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
"""A fork has one thread alone, so none may be at work when it is made."""
PATIENCE = 240


@cache
def fork_context() -> ForkServerContext:
    """Context for pools and processes; its server runs when this returns. They have its environment, not the test's."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*IMPORTED])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ONE_THREAD.items():
            patch.setenv(name, value)
        forkserver.ensure_running()
    return context


def exit_code_of(work: Callable[..., object], *given: object) -> int | None:
    """How a fork that does this work ends: 0 without an error, below 0 by a signal."""
    process = fork_context().Process(target=work, args=given)
    process.start()
    process.join(PATIENCE)
    return process.exitcode


@dataclass(frozen=True)
class CommandExit:
    """How a command ended.

    Attributes:
        code: its exit code; None where it was killed.
        seconds: from its start.
        output: what it printed.
    """

    code: int | None
    seconds: float
    output: str


@dataclass(frozen=True)
class RunningCommand:
    """A command that was started.

    Attributes:
        process: in which it runs.
        log: file of what it prints.
        started: when, by the monotonic clock.
    """

    process: BaseProcess
    log: Path
    started: float

    def wait(self, kill_after: float | None = None) -> CommandExit:
        """Wait for its end, or kill it after so many seconds if it has not ended by then."""
        self.process.join(PATIENCE if kill_after is None else kill_after)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
            assert kill_after is not None, f"it still ran after {PATIENCE} s: {self.log.read_text()}"
        code = self.process.exitcode
        assert code is not None
        return CommandExit(None if code < 0 else code, time.monotonic() - self.started, self.log.read_text())


@dataclass(frozen=True)
class CommandForks:
    """Runs commands without a terminal, each in a session of its own.

    Attributes:
        log: file to which commands print, one after the other.
    """

    log: Path

    def start(self, *words: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> RunningCommand:
        """Start a command in a folder, with the test's environment unless another is given."""
        environment = dict(os.environ if environment is None else environment)
        process = fork_context().Process(target=_become, args=(words, self.log, cwd, environment), daemon=True)
        process.start()
        return RunningCommand(process, self.log, time.monotonic())

    def run(self, *words: str, kill_after: float | None = None) -> CommandExit:
        """Run a command to its end, or kill it after so many seconds if it has not ended by then."""
        return self.start(*words).wait(kill_after)

    def complete(self, *words: str) -> CommandExit:
        """Run a command that is to succeed."""
        ended = self.run(*words)
        assert ended.code == 0, ended.output
        return ended


def _become(words: tuple[str, ...], log: Path, cwd: Path, environment: Mapping[str, str]) -> None:
    """Run a command in this process, a fork."""
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(output, number)
    # As a new interpreter has them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.argv = ["encore", *words]
    importlib.import_module("encore.cli.main").main()
