"""Commands of Encore as forks of a process that has imported everything, so that starting one costs nothing.

Run as a program, this module is that process: it reads commands, and says what became of them.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]
IMPORTED = (
    "encore.cli.main",
    "encore.cli.printing.jobs",
    "encore.cli.printing.tables",
    "encore.cli.printing.store.vacuum",
    "encore.featurestore.rewriting.compaction",
    "encore.featurestore.rewriting.deletion",
    "encore.featurestore.removal.vacuum",
    "encore.heads.training.store",
    "encore.pipelines.backfill.job",
    "encore.pipelines.encoding.job",
)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
"""A fork has one thread alone, so none may be at work when it is made."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; None where it was killed.
        seconds: from its start.
        output: what it printed.
    """

    code: int | None
    seconds: float
    output: str


class CommandForks:
    """Runs commands, one at a time, and kills them; a context manager."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def __enter__(self) -> CommandForks:
        self._server = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self._log)],
            cwd=ROOT,
            env=os.environ | ONE_THREAD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.kill()
        self._server.communicate()

    def run(self, *words: str, kill_after: float | None = None) -> Ended:
        """Run a command to its end, or kill it after so many seconds if it has not ended by then."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(words).encode() + b"\n")
        self._server.stdin.flush()
        pid, started = int(self._line()), time.monotonic()
        if kill_after is not None and not select.select([self._server.stdout], [], [], kill_after)[0]:
            os.kill(pid, signal.SIGKILL)
        status = int(self._line())
        seconds = time.monotonic() - started
        return Ended(None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), seconds, self._log.read_text())

    def complete(self, *words: str) -> Ended:
        """Run a command that is to succeed."""
        ended = self.run(*words)
        assert ended.code == 0, ended.output
        return ended

    def _line(self) -> bytes:
        """The next line of the server, read byte by byte: a buffer would hide from `select` what it holds."""
        assert self._server.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self._server.stdout.fileno(), 1)
            if not byte:
                raise EOFError("the process that starts commands has ended")
            line += byte
        return line


def serve(log: str) -> None:
    """Run the commands that come in, each in a fork; for each, print its process id and then its status."""
    for module in IMPORTED:
        importlib.import_module(module)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line), log)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


def _become(words: list[str], log: str) -> None:
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream, number in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
            os.dup2(stream, number)
        sys.argv = ["encore", *words]
        importlib.import_module("encore.cli.main").main()
    finally:
        os._exit(70)


if __name__ == "__main__":
    serve(sys.argv[1])
