"""Processes that vacuum, forget, compact, delete and write at once, some of them killed: nothing listed is lost."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from encore.featurestore import Catalogue
from encore.featurestore.removal.forget import remove_forgotten, rewrite
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import again, expected, held, put, spec_of
from tests.forks import fork_context

NOW = timedelta(0)
DELETING = 4
"""One in so many documents of a writer is deleted again."""


def write(uri: str, writer: int, rounds: int) -> None:
    """Add documents one by one, and delete some."""
    for n in range(rounds):
        again(lambda n=n: put(Catalogue.open(uri), {f"{writer}-{n}": f"text {writer} {n}"}))
        if n % DELETING == DELETING - 1:
            again(lambda n=n: delete(Catalogue.open(uri), [f"{writer}-{n - 1}"], strict=True))


def look_after(uri: str, name: str) -> None:
    """Repeat this work until the process is killed."""
    work: Callable[[], object] = {
        "vacuum": lambda: vacuum(Catalogue.open(uri).objects, age_limit=NOW),
        "compact": lambda: compact(Catalogue.open(uri)),
        "forget": lambda: forget(uri),
    }[name]
    while True:
        again(work)


def forget(uri: str) -> None:
    rewrite(Catalogue.open(uri))
    remove_forgotten(Catalogue.open(uri), age_limit=NOW)


def keeper(uri: str, name: str) -> BaseProcess:
    process = fork_context().Process(target=look_after, args=(uri, name), daemon=True)
    process.start()
    return process


@pytest.mark.soak
def test_nothing_listed_is_lost(tmp_path: Path) -> None:
    """Now and then one of the removals or the compaction is killed, and another takes its place."""
    rounds, uri = 300, Catalogue.create(str(tmp_path / "store"), spec_of()).uri
    names = ["vacuum", "vacuum", "forget", "compact"]
    keepers = [keeper(uri, name) for name in names]
    try:
        with ProcessPoolExecutor(2, mp_context=fork_context()) as pool:
            writers = [pool.submit(write, uri, writer, rounds) for writer in range(2)]
            while not all(writer.done() for writer in writers):
                time.sleep(random.uniform(2, 6))
                chosen = random.randrange(len(names))
                assert keepers[chosen].is_alive(), f"{names[chosen]} has failed"
                keepers[chosen].kill()
                keepers[chosen].join()
                keepers[chosen] = keeper(uri, names[chosen])
            for writer in writers:
                writer.result()
    finally:
        for process in keepers:
            process.kill()
            process.join()

    numbers = itertools.product(range(2), range(rounds))
    texts = {f"{w}-{n}": f"text {w} {n}" for w, n in numbers if n % DELETING != DELETING - 2 or n == rounds - 1}
    assert held(Catalogue.open(uri)) == expected(texts, Catalogue.open(uri).spec)
    vacuum(Catalogue.open(uri).objects, age_limit=NOW)
    vacuum(Catalogue.open(uri).objects, age_limit=NOW)
    found = verify(Objects.open(uri), deep=True)
    assert (found.findings, found.unreferenced) == ((), 0)
    assert held(Catalogue.open(uri)) == expected(texts, Catalogue.open(uri).spec)
