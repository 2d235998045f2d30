"""Repair of a block list that cannot be read: its ids are never guessed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.history.block_list import blocked
from encore.featurestore.history.versions import manifest_path
from encore.featurestore.repair.execution import BlockListChoice, carry_out
from encore.featurestore.repair.plan import plan_repair
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import held, put
from tests.featurestore.damage import (
    BLOCKED,
    cut,
    findings,
    mend,
    shard,
    tree,
)


@pytest.fixture(params=["salt", "list"])
def broken(store: Catalogue, request: pytest.FixtureRequest) -> Catalogue:
    paths = [path for path, _ in store.objects.walk("blocked")]
    cut(store.objects, next(path for path in paths if (path == "blocked/salt") == (request.param == "salt")))
    return store


def test_it_is_left_alone_unless_somebody_says_what_to_do(broken: Catalogue) -> None:
    before = tree(broken.objects)
    done = mend(broken.objects, blocked_ids=None)
    assert done.left
    assert tree(broken.objects) == before


def test_it_does_not_keep_the_rest_from_being_repaired(broken: Catalogue) -> None:
    cut(broken.objects, shard(broken, broken.entries[0].segment))
    done = mend(broken.objects, blocked_ids=None)
    assert done.left
    assert done.snapshot == broken.version + 1
    assert {
        finding.object.split("/blocked")[0] for finding in verify(Objects.open(broken.uri), deep=True).findings
    } == {broken.uri}
    with pytest.raises(StoreError, match="blocked/"):
        put(Catalogue.open(broken.uri), {"doc-0": "text 0"})


def test_an_older_snapshot_is_not_put_in_force_while_nobody_knows_what_is_blocked(broken: Catalogue) -> None:
    cut(broken.objects, manifest_path(broken.version))
    before = tree(broken.objects)
    assert mend(broken.objects, blocked_ids=None).left
    assert tree(broken.objects) == before


def test_it_is_made_anew_from_ids(broken: Catalogue) -> None:
    mend(broken.objects, [*BLOCKED, "another"])
    assert findings(broken) == ()
    assert blocked(broken.objects).mask([*BLOCKED, "another", "doc-1"]).tolist() == [True, True, True, False]
    assert "doc-0" not in held(put(Catalogue.open(broken.uri), {"doc-0": "text 0"}))


def test_it_is_done_without(broken: Catalogue) -> None:
    carry_out(broken.objects, plan_repair(broken.objects), BlockListChoice(drop=True))
    assert findings(broken) == ()
    assert not len(blocked(broken.objects))
    assert "doc-0" in held(put(Catalogue.open(broken.uri), {"doc-0": "text 0"}))


def test_at_no_write_of_it_anything_is_let_in(broken: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, looks = plan_repair(broken.objects), []

    def check(objects: Objects) -> None:
        looks.append(1)
        try:
            assert blocked(objects).mask(BLOCKED).all()
        except StoreError:
            return

    def watch(name: str) -> None:
        real: Callable[..., object] = getattr(Objects, name)

        def watched(self: Objects, *given: object, **named: object) -> object:
            done = real(self, *given, **named)
            check(broken.objects)
            return done

        monkeypatch.setattr(Objects, name, watched)

    for name in ("put", "create", "replace", "delete"):
        watch(name)
    carry_out(broken.objects, plan, BlockListChoice(ids=BLOCKED))
    assert len(looks) > 3
    assert findings(broken) == ()
