"""Whatever is damaged: after a repair with the corpus a store is clean, and holds what it held."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from encore.featurestore import Catalogue
from encore.featurestore.history.block_list import blocked
from encore.featurestore.storage import local_files
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import expected, held
from tests.featurestore.damage import BLOCKED, SPEC, STORES, TEXTS, bring_back, mend
from tests.featurestore.verification.test_corruption import DAMAGES, KINDS, Damage, damage, of_kind

ZEROED = Damage("zero-filled", lambda data: bytes(len(data)))
CHANGES = [*DAMAGES, ZEROED]
FLIP, CUT, GONE = DAMAGES[2], DAMAGES[6], DAMAGES[-1]
CASES = [
    (kind, change) for kind in KINDS for change in (FLIP, CUT, ZEROED, GONE) if (kind, change.name) != ("tag", "delete")
]


@pytest.fixture(autouse=True)
def nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty file is damage here: no writer is taking the name at the same time."""
    monkeypatch.setattr(local_files, "PAUSE", 0)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """Kind of store → one, and its digest."""
    folder = tmp_path_factory.mktemp("sound")
    made = {}
    for name, make in STORES.items():
        store = make(str(folder / name))
        assert held(store) == expected(TEXTS, SPEC)
        assert verify(Objects.open(store.uri), deep=True).findings == ()
        made[name] = (folder / name, store.digest())
    return made


def check_repair(
    folder: Path,
    digest: str,
    copy: Path,
    damages: Sequence[tuple[str, Damage]],
    seed: str,
    lost: Sequence[str] = (),
) -> None:
    """Lose these objects, damage one of each of these kinds, repair, and compare."""
    shutil.copytree(folder, copy)
    for path in lost:
        (copy / path).unlink()
    objects = Objects.open(str(copy))
    newest = max(path for path, _ in objects.walk("manifests"))
    chance = random.Random(seed)
    for kind, change in damages:
        # Nothing tells that the newest snapshot has gone.
        paths = [path for path in of_kind(objects, kind) if change.name != "delete" or path != newest]
        if paths:
            path = chance.choice(paths)
            damage(objects, path, change.change(objects.get(path)))
    done = mend(objects)
    assert verify(Objects.open(objects.uri), deep=True).findings == ()
    # Only the corpus tells which documents a lost snapshot had deleted.
    store, _ = bring_back(objects, prune=done.survey.is_older)
    assert verify(Objects.open(objects.uri), deep=True).findings == ()
    assert store.digest() == Catalogue.open(objects.uri).digest() == digest
    assert blocked(objects).mask(BLOCKED).all()


@pytest.mark.parametrize(("number", "kind", "change"), [(n, *case) for n, case in enumerate(CASES)], ids=repr)
def test_one_object_of_each_kind(
    sound: dict[str, tuple[Path, str]], tmp_path: Path, number: int, kind: str, change: Damage
) -> None:
    name = [*STORES][number % len(STORES)]
    check_repair(*sound[name], tmp_path / "store", [(kind, change)], f"{kind} {change}")


@pytest.mark.soak
@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_object_of_each_kind(sound: dict[str, tuple[Path, str]], tmp_path: Path, name: str, kind: str) -> None:
    for change in CHANGES:
        if (kind, change.name) != ("tag", "delete"):
            check_repair(*sound[name], tmp_path / repr(change), [(kind, change)], f"{kind} {change}")


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_lost_manifest_beside_lost_features(sound: dict[str, tuple[Path, str]], tmp_path: Path, number: int) -> None:
    folder, digest = sound["history"]
    lost = f"manifests/{number:020d}.json"
    check_repair(folder, digest, tmp_path / "store", [("features", GONE)], "features", [lost])


def three(seed: int) -> tuple[str, list[tuple[str, Damage]]]:
    """A store, and three kinds of objects with what happens to them."""
    chance = random.Random(seed)
    kinds = chance.sample([*KINDS], 3)
    return chance.choice([*STORES]), [
        (kind, chance.choice([change for change in CHANGES if (kind, change.name) != ("tag", "delete")]))
        for kind in kinds
    ]


@pytest.mark.parametrize("seed", range(16))
def test_three_at_a_time(sound: dict[str, tuple[Path, str]], tmp_path: Path, seed: int) -> None:
    name, damages = three(seed)
    check_repair(*sound[name], tmp_path / "store", damages, str(seed))


@pytest.mark.soak
@pytest.mark.parametrize("hundred", range(6))
def test_three_at_a_time_for_long(sound: dict[str, tuple[Path, str]], tmp_path: Path, hundred: int) -> None:
    for seed in range(100 * hundred + 100, 100 * hundred + 200):
        name, damages = three(seed)
        copy = tmp_path / "store"
        check_repair(*sound[name], copy, damages, str(seed))
        shutil.rmtree(copy)
