"""A store that lost power says so when it is opened, and before a job builds on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.errors import SnapshotGone
from encore.featurestore.history import snapshot_choice as module
from encore.featurestore.history.torn_writes import require_records
from encore.featurestore.history.versions import list_path, manifest_path
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.segments.records import record_path
from encore.featurestore.storage.objects import Objects
from tests.featurestore.building import held, put, spec_of


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    first = put(Catalogue.create(str(tmp_path / "store"), spec_of()), {f"doc-{i}": f"text {i}" for i in range(9)})
    return put(first, {"doc-9": "more"})


def gone(objects: Objects, path: str) -> None:
    objects.delete([path])


def emptied(objects: Objects, path: str) -> None:
    objects.put(path, b"")


TORN = pytest.mark.parametrize(("tear", "says"), [(gone, "missing; run encore repair"), (emptied, "empty; run encore")])


@TORN
def test_a_list_is_looked_at_when_the_newest_snapshot_is_opened(
    store: Catalogue, tear: Callable[[Objects, str], None], says: str
) -> None:
    path = list_path(store.manifest.lists[-1].digest)
    tear(store.objects, path)
    with pytest.raises(StoreError, match=f"{path}: .*{says}"):
        Catalogue.open(store.uri)
    assert len(held(Catalogue.open(store.uri, 1))) == 9


@TORN
def test_records_are_looked_at_before_a_job_builds_on_them(
    store: Catalogue, tear: Callable[[Objects, str], None], says: str
) -> None:
    path = record_path(store.entries[0].segment)
    tear(store.objects, path)
    opened = Catalogue.open(store.uri)
    for build in (lambda: require_records(opened.objects, opened.manifest, opened.listed), lambda: compact(opened)):
        with pytest.raises(StoreError, match=f"{path}: .*{says}"):
            build()


def test_a_snapshot_that_a_vacuum_takes_meanwhile_is_no_torn_one(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = module.require_lists

    def late(objects: Objects, manifest: object) -> None:
        monkeypatch.setattr(module, "require_lists", real)
        put(store, {"doc-10": "later"})
        for _ in range(2):
            vacuum(store.objects, age_limit=timedelta(0))
        real(objects, manifest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "require_lists", late)
    assert len(held(Catalogue.open(store.uri))) == 11
    with pytest.raises(SnapshotGone):
        require_records(store.objects, store.manifest, ["0" * 32])


def test_an_empty_manifest_is_no_empty_store(store: Catalogue) -> None:
    store.objects.put(manifest_path(2), b"")
    with pytest.raises(StoreError, match=r"0002\.json: not a manifest: .*run encore repair"):
        Catalogue.open(store.uri)


def test_in_a_bucket_nothing_more_is_asked(store: Catalogue, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects.open(f"{s3_bucket}/store")
    for path, _ in store.objects.walk():
        objects.put(path, store.objects.get(path))
    asked: list[str] = []
    real = Objects.size
    monkeypatch.setattr(Objects, "size", lambda self, path: asked.append(path) or real(self, path))
    opened = Catalogue.open(objects.uri)
    require_records(opened.objects, opened.manifest, opened.listed)
    assert asked == []
