"""Processes that commit at once end in one correct store: no commit is lost, and no document lives twice."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from encore.featurestore import Catalogue, CommitConflict
from encore.featurestore.history import version_log
from encore.featurestore.history.tags import add_tag, read_tags
from encore.featurestore.history.versions import VersionLog
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import expected, held, put, spec_of
from tests.forks import fork_context

DELETING = 5
"""One in so many commits of a writer is a deletion, and gets a tag."""


STARTS: list[Barrier] = []
"""In a process of `writers`: the barrier at which it begins together with the others."""


@dataclass(frozen=True)
class Work:
    """What one writer did.

    Attributes:
        snapshots: numbers of the snapshots that its commits made, in order.
        conflicts: times that another writer was first.
        in_a_row: the same, of the commit that it happened to most often.
        longest: seconds that the slowest commit took.
    """

    snapshots: tuple[int, ...]
    conflicts: int
    in_a_row: int
    longest: float


def texts_of(writer: int, commits: int) -> dict[str, str]:
    """What a writer leaves behind: one document a commit, without those that it deletes."""
    texts: dict[str, str] = {}
    for i in range(commits):
        if i % DELETING == DELETING - 1:
            del texts[f"{writer}-{i - 1}"]
        else:
            texts[f"{writer}-{i}"] = f"text {i} of writer {writer}"
    return texts


def write_at_once(uri: str, writer: int, commits: int) -> Work:
    """Commit in a process of its own. Each commit changes an own document; most also change one that all share."""
    counted = row = most = 0
    publish = VersionLog.publish

    def counting(self: VersionLog, *args: object) -> object:
        nonlocal counted, row, most
        manifest = publish(self, *args)  # type: ignore[arg-type]
        counted += manifest is None
        row = row + 1 if manifest is None else 0
        most = max(most, row)
        return manifest

    VersionLog.publish = counting  # type: ignore[method-assign, assignment]
    snapshots, longest = [], 0.0
    STARTS[0].wait()
    for i in range(commits):
        store, began = Catalogue.open(uri), time.monotonic()
        if i % DELETING == DELETING - 1:
            snapshots.append(delete(store, [f"{writer}-{i - 1}"]).snapshot)
            add_tag(store.objects, f"writer-{writer}-{i}", snapshots[-1])
        else:
            text = f"text {i} of writer {writer}"
            snapshots.append(put(store, {f"{writer}-{i}": text, "shared": text}).version)
        longest = max(longest, time.monotonic() - began)
    return Work(tuple(snapshots), counted, most, longest)


def compact_at_once(uri: str, rounds: int) -> int:
    """Compact while others commit, in a process of its own. Returns how many snapshots the compactions made."""
    made = 0
    STARTS[0].wait()
    for _ in range(rounds):
        try:
            made += compact(Catalogue.open(uri)).replaced > 0
        except CommitConflict:
            # Others were first every time, which is what this is about.
            continue
    return made


def begin_at(start: Barrier, environment: dict[str, str]) -> None:
    """Give a new process the barrier at which it begins, and the way to the storage."""
    STARTS.append(start)
    os.environ.update(environment)


def writers(count: int) -> ProcessPoolExecutor:
    """Processes that begin together, once each of them has something to do."""
    # No forks of this process: storage clients have threads, which do not survive them.
    context = fork_context()
    given = (context.Barrier(count), dict(os.environ))
    return ProcessPoolExecutor(count, mp_context=context, initializer=begin_at, initargs=given)


def require_whole(uri: str, works: list[Work], snapshots: int) -> None:
    """See that every commit is a snapshot, and that the newest holds each document once."""
    log = version_log(Catalogue.open(uri).objects)
    history = log.history()
    assert [manifest.version for manifest in history] == list(range(1, snapshots + 1))
    assert [manifest.parent for manifest in history] == list(range(snapshots))
    assert len({manifest.write_id for manifest in history}) == snapshots
    claimed = [number for work in works for number in work.snapshots]
    assert len(set(claimed)) == len(claimed)
    assert all(list(work.snapshots) == sorted(work.snapshots) for work in works)
    tagged = {
        f"writer-{writer}-{i}": number
        for writer, work in enumerate(works)
        for i, number in enumerate(work.snapshots)
        if i % DELETING == DELETING - 1
    }
    store = Catalogue.open(uri)
    assert read_tags(store.objects) == tagged
    require_each_once(store, texts_after(works))
    assert verify(Objects.open(uri), deep=True).findings == ()


def require_each_once(store: Catalogue, texts: dict[str, str]) -> None:
    """See that a store holds these texts, each once."""
    assert held(store) == expected(texts, store.spec)
    assert len(store) == store.manifest.counts["documents"] == len(texts)


def texts_after(works: list[Work]) -> dict[str, str]:
    """What all writers leave behind: the document that all change is as the last of their commits left it."""
    texts = {
        doc_id: text
        for writer, work in enumerate(works)
        for doc_id, text in texts_of(writer, len(work.snapshots)).items()
    }
    encoded = [
        (number, f"text {i} of writer {writer}")
        for writer, work in enumerate(works)
        for i, number in enumerate(work.snapshots)
        if i % DELETING != DELETING - 1
    ]
    return texts | {"shared": max(encoded)[1]}


@pytest.fixture(params=["local", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    root = str(tmp_path) if request.param == "local" else str(request.getfixturevalue("s3_bucket"))
    return Catalogue.create(f"{root}/store", spec_of()).uri


@pytest.mark.parametrize(
    ("processes", "commits"), [(3, 5), pytest.param(8, 25, marks=pytest.mark.soak)], ids=["small", "soak"]
)
def test_processes_that_commit_at_once_lose_nothing(uri: str, processes: int, commits: int) -> None:
    with writers(processes) as pool:
        began = time.monotonic()
        jobs = [pool.submit(write_at_once, uri, writer, commits) for writer in range(processes)]
        works = [job.result() for job in jobs]
        took = time.monotonic() - began
    assert sum(len(work.snapshots) for work in works) == processes * commits
    require_whole(uri, works, snapshots=processes * commits)
    conflicts = sum(work.conflicts for work in works)
    print(
        f"{uri[:5]}…: {processes} × {commits} commits in {took:.1f} s with the start; "
        f"{conflicts} conflicts, at most {max(work.in_a_row for work in works)} of one commit; "
        f"the slowest commit took {max(work.longest for work in works):.1f} s"
    )


@pytest.mark.soak
def test_processes_that_commit_while_another_compacts_lose_nothing(uri: str) -> None:
    processes, commits = 6, 25
    with writers(processes + 1) as pool:
        compacting = pool.submit(compact_at_once, uri, 10)
        jobs = [pool.submit(write_at_once, uri, writer, commits) for writer in range(processes)]
        works = [job.result() for job in jobs]
        made = compacting.result()
    snapshots = Catalogue.open(uri).version
    assert snapshots >= processes * commits
    require_whole(uri, works, snapshots)
    print(f"{uri[:5]}…: {processes} × {commits} commits beside {made} compactions")
    compact(Catalogue.open(uri))
    require_each_once(Catalogue.open(uri), texts_after(works))
