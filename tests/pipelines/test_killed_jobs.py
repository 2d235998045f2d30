"""Jobs that are killed at random instants: nothing that was committed is lost, and the same command completes."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from encore.featurestore import Catalogue
from encore.featurestore.history import version_log
from encore.featurestore.history.tags import add_tag
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import held
from tests.forks import CommandForks
from tests.pipelines.jobs import encoder, texts, write_corpus

OPERATIONS = ("encode", "delete", "compact", "vacuum")
Documents = dict[str, bytes]


@dataclass(frozen=True)
class State:
    """A store as it should be: its objects, and the documents of each of its snapshots."""

    paths: frozenset[str]
    snapshots: dict[int, Documents]

    @classmethod
    def of(cls, folder: Path) -> State:
        """The state of a folder, without the reports of runs."""
        objects = Objects.open(str(folder))
        numbers = [manifest.version for manifest in version_log(objects).history()]
        paths = frozenset(path for path, _ in objects.walk() if not path.startswith("runs/"))
        return cls(paths, {number: held(Catalogue.open(str(folder), number)) for number in numbers})


@dataclass(frozen=True)
class Operation:
    """A command on a store.

    Attributes:
        name: of the command.
        words: makes the command line for a store.
        template: a store to copy.
        before: what it holds.
        after: what a copy holds when the command was left alone.
        seconds: what the command takes.
    """

    name: str
    words: Callable[[Path], tuple[str, ...]]
    template: Path
    before: State
    after: State
    seconds: float


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> CommandForks:
    return CommandForks(tmp_path_factory.mktemp("forks") / "output")


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory, forks: CommandForks) -> dict[str, Operation]:
    return make_operations(tmp_path_factory.mktemp("few"), forks, documents=64)


@pytest.fixture(scope="module")
def long_operations(tmp_path_factory: pytest.TempPathFactory, forks: CommandForks) -> dict[str, Operation]:
    """On enough segments for a job to spend most of its time on them."""
    return make_operations(tmp_path_factory.mktemp("many"), forks, documents=800)


def make_operations(folder: Path, forks: CommandForks, documents: int) -> dict[str, Operation]:
    """Each operation on the store that those before it leave, which has a segment for 8 documents."""
    first = write_corpus(folder / "first.parquet", texts(documents // 2))
    changed = documents // 8
    second = write_corpus(
        folder / "second.parquet", [*texts(changed, word="changed"), *texts(documents - changed, start=changed)]
    )
    ids = folder / "ids.txt"
    ids.write_text("".join(f"d{number}\n" for number in range(0, documents + 20, 7)))

    def encode(corpus: str, store: Path) -> tuple[str, ...]:
        asked = ("--encoder", encoder(), "--device", "cpu", "--unit-rows", "8")
        return ("encode", corpus, "--store", str(store), *asked, "--", "--direct_num_workers=1")

    store = folder / "store"
    forks.complete(*encode(first, store))
    add_tag(Objects.open(str(store)), "first", 1)
    lines: dict[str, Callable[[Path], tuple[str, ...]]] = {
        "encode": lambda store: encode(second, store),
        "delete": lambda store: ("delete", "--store", str(store), "--ids-file", str(ids), "--block"),
        "compact": lambda store: ("compact", "--store", str(store), "--target-bytes", "1500"),
        "vacuum": lambda store: ("vacuum", "--store", str(store), "--older-than", "0"),
    }
    made = {}
    for name in OPERATIONS:
        template, before = folder / f"before-{name}", State.of(store)
        store.rename(template)
        shutil.copytree(template, store)
        ended = forks.complete(*lines[name](store))
        made[name] = Operation(name, lines[name], template, before, State.of(store), ended.seconds)
    shutil.rmtree(store)
    return made


def kill(operation: Operation, forks: CommandForks, store: Path, kill_after: float) -> str:
    """Kill an operation, see that nothing is lost, run it again, and say how far it had come.

    What it left behind is for the next vacuum.
    """
    shutil.copytree(operation.template, store)
    ended = forks.run(*operation.words(store), kill_after=kill_after)
    assert ended.code in (None, 0), ended.output
    found = State.of(store)
    require_sound(operation, store, found)
    forks.complete(*operation.words(store))
    again = State.of(store)
    require_sound(operation, store, again)
    require_done(operation, again)
    vacuum(Objects.open(str(store)), age_limit=timedelta(0))
    assert verify(Objects.open(str(store))).unreferenced == 0
    assert [path for path in store.rglob("*#*") if path.is_file()] == []
    shutil.rmtree(store)
    if ended.code == 0:
        return "had ended"
    if found.snapshots.keys() == operation.after.snapshots.keys():
        return "after the commit"
    return "before anything was done" if found.paths == operation.before.paths else "before the commit"


def require_sound(operation: Operation, store: Path, found: State) -> None:
    """Every snapshot that should be there is, and holds what it held; verify finds nothing.

    Each vacuum that has something to remove adds a snapshot like the newest, which the next one need not keep.
    """
    before, after = operation.before.snapshots, operation.after.snapshots
    known, newest = before | after, max(before)
    if operation.name == "vacuum":
        known |= dict.fromkeys(range(newest, max(found.snapshots) + 1), before[newest])
        assert max(found.snapshots) >= newest
    kept = before.keys() & after.keys() - ({newest} if operation.name == "vacuum" else set())
    assert kept <= found.snapshots.keys() <= known.keys()
    for number, documents in found.snapshots.items():
        wanted = known[number]
        lost = [doc_id for doc_id, features in wanted.items() if documents.get(doc_id) != features]
        assert (lost, documents.keys() - wanted.keys()) == ([], set()), f"snapshot {number}"
    assert verify(Objects.open(str(store)), deep=True).findings == ()


def require_done(operation: Operation, found: State) -> None:
    """Fail unless all is done that the command does when nobody kills it."""
    if operation.name == "vacuum":
        segments = [
            {path for path in state.paths if path.startswith("segments/")} for state in (operation.after, found)
        ]
        assert segments[0] == segments[1]
    else:
        assert found.snapshots.keys() == operation.after.snapshots.keys()


def kill_many(operation: Operation, forks: CommandForks, store: Path, kills: int, seed: int) -> Counter[str]:
    random, outcomes = Random(f"{operation.name} {seed}"), Counter[str]()
    for number in range(kills):
        # Timed anew each time, since what it takes follows the machine's load.
        shutil.copytree(operation.template, store)
        kill_after = random.uniform(0, forks.complete(*operation.words(store)).seconds)
        shutil.rmtree(store)
        try:
            outcomes[kill(operation, forks, store, kill_after)] += 1
        except BaseException as error:
            error.add_note(f"{operation.name}, seed {seed}, kill {number}, after {kill_after:.4f} s; left in {store}")
            raise
    return outcomes


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_killed_job_loses_nothing_and_completes(
    name: str, operations: dict[str, Operation], forks: CommandForks, tmp_path: Path
) -> None:
    assert kill_many(operations[name], forks, tmp_path / "store", kills=2, seed=0).total() == 2


@pytest.mark.soak
@pytest.mark.parametrize("name", OPERATIONS)
def test_fifty_kills_at_random_instants_lose_nothing(
    name: str, long_operations: dict[str, Operation], forks: CommandForks, tmp_path: Path
) -> None:
    operation = long_operations[name]
    outcomes = kill_many(operation, forks, tmp_path / "store", kills=50, seed=1)
    print(f"{name}, {operation.seconds:.2f} s alone, 50 kills: {dict(outcomes)}; lost: 0")
    assert outcomes.total() == 50


@pytest.mark.soak
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("seed", range(5))
def test_a_job_that_is_killed_again_and_again_completes(
    name: str, seed: int, long_operations: dict[str, Operation], forks: CommandForks, tmp_path: Path
) -> None:
    operation, store, random = long_operations[name], tmp_path / "store", Random(f"{name} {seed}")
    shutil.copytree(operation.template, store)
    kills = 0
    while forks.run(*operation.words(store), kill_after=random.uniform(0, 1.5 * operation.seconds)).code is None:
        kills += 1
        require_sound(operation, store, State.of(store))
    found = State.of(store)
    require_sound(operation, store, found)
    print(f"{name}, seed {seed}: {kills} kills until it was done; lost: 0")
    require_done(operation, found)
