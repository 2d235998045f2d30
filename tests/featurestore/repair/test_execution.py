"""A repair publishes what is whole, keeps what is damaged, and leaves alone what it cannot judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from encore.featurestore import Catalogue, Change, CommitConflict, StoreError, UsageError, commit
from encore.featurestore.format import seal
from encore.featurestore.format.tombstones import object_state
from encore.featurestore.history import version_log
from encore.featurestore.history.block_list import blocked
from encore.featurestore.history.tags import read_tags
from encore.featurestore.history.versions import list_path, manifest_path
from encore.featurestore.removal.forget import remove_forgotten
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.repair.execution import carry_out
from encore.featurestore.repair.plan import plan_repair
from encore.featurestore.repair.quarantine import Quarantine
from encore.featurestore.repair.salvage import find_salvage, list_again
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.records import record_path
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import expected, held, put, write
from tests.featurestore.damage import (
    BLOCKED,
    SPEC,
    TEXTS,
    bring_back,
    cut,
    findings,
    mend,
    pairs_of,
    shard,
    tree,
    vacuumed,
)


def test_a_sound_store_needs_nothing(store: Catalogue) -> None:
    before = tree(store.objects)
    plan = plan_repair(store.objects)
    assert not plan.needed
    assert plan.survey.retired == ()
    assert tree(store.objects) == before


def test_the_plan_says_what_is_lost_and_changes_nothing(store: Catalogue) -> None:
    segment = store.entries[0].segment
    cut(store.objects, shard(store, segment))
    before = tree(store.objects)
    plan = plan_repair(store.objects)
    assert tree(store.objects) == before
    assert [(entry.segment, reason) for entry, reason in plan.survey.unlisted] == [(segment, "damaged")]
    assert plan.survey.lost == store.entries[0].live
    assert plan.survey.retired == tuple(range(1, store.version + 1))
    assert plan.survey.tags == ("first", "v1")
    assert json.loads(json.dumps(plan.to_dict()))["lost"] == store.entries[0].live


def test_what_is_damaged_is_kept_aside_and_its_names_stay_taken(store: Catalogue) -> None:
    entry = store.entries[0]
    path = shard(store, entry.segment)
    record = store.objects.get(record_path(entry.segment))
    cut(store.objects, path)
    damaged = store.objects.get(path)
    done = mend(store.objects)
    aside = f"aside/{done.repair}/"
    kept = {name.removeprefix(aside): data for name, data in tree(store.objects).items() if name.startswith(aside)}
    assert kept[path] == damaged
    assert kept[record_path(entry.segment)] == record
    assert {manifest_path(number) for number in done.survey.retired} < kept.keys()
    for name in (record_path(entry.segment), *map(manifest_path, done.survey.retired)):
        found = object_state(store.objects, name)
        assert found is not None
        assert (found.retired, found.content) == (True, None)
    newest = Catalogue.open(store.uri)
    assert (newest.version, newest.manifest.operation) == (store.version + 1, "repair")
    assert (newest.manifest.counts["unlisted"], newest.manifest.counts["lost"]) == (1, entry.live)
    assert held(newest).items() < expected(TEXTS, SPEC).items()
    report = json.loads(store.objects.get(f"runs/{done.repair}/report.json"))
    assert report["snapshot"] == newest.version
    assert report["unlisted"] == [{"segment": entry.segment, "documents": entry.live, "reason": "damaged"}]
    # The next job that wants these documents stores them under another name.
    again = put(newest, TEXTS)
    assert entry.segment not in again.listed
    assert held(again) == expected(TEXTS, SPEC)


def test_nothing_set_aside_is_damage_or_goes_with_a_vacuum_but_forgetting_removes_it(store: Catalogue) -> None:
    cut(store.objects, shard(store, store.entries[0].segment))
    mend(store.objects)
    bring_back(store.objects)
    vacuum(store.objects, age_limit=timedelta(0))
    assert findings(store) == ()
    assert any(store.objects.walk("aside"))
    done = remove_forgotten(Catalogue.open(store.uri), age_limit=timedelta(0))
    assert done.removed["objects set aside"]
    assert not any(store.objects.walk("aside"))


def test_an_unreadable_newest_manifest_puts_the_snapshot_before_it_in_force(store: Catalogue) -> None:
    cut(store.objects, manifest_path(store.version))
    with pytest.raises(StoreError, match=r"not a manifest: .*run encore repair"):
        Catalogue.open(store.uri)
    before = expected({d: t for d, t in TEXTS.items() if int(d[4:]) < 14} | {"doc-12": "text 12"}, SPEC)
    done = mend(store.objects)
    assert (done.survey.base.version, done.snapshot) == (store.version - 1, store.version + 1)
    assert held(Catalogue.open(store.uri)) == before
    assert read_tags(store.objects) == {"first": 2, "v1": 4}
    assert findings(store) == ()
    again, salvaged = bring_back(store.objects)
    assert salvaged > 0
    # The old text of a document that the lost snapshot changed is hidden.
    assert findings(store) == ()
    assert held(again) == expected(TEXTS, SPEC)


def test_everything_that_the_last_commit_wrote_may_be_torn(store: Catalogue) -> None:
    """All files of the commit are empty, as after a power cut on a disk without barriers."""
    before = set(tree(store.objects))
    grown = put(store, {"doc-70": "torn", "doc-71": "torn too"})
    for path in set(tree(store.objects)) - before:
        store.objects.put(path, b"")
    mend(store.objects)
    assert held(Catalogue.open(store.uri)) == expected(TEXTS, SPEC)
    again, _ = bring_back(store.objects, TEXTS | {"doc-70": "torn", "doc-71": "torn too"})
    assert held(again) == expected(TEXTS | {"doc-70": "torn", "doc-71": "torn too"}, SPEC)
    assert again.version > grown.version
    assert findings(store) == ()


def test_numbers_of_manifests_that_are_missing_are_taken(store: Catalogue) -> None:
    store.objects.delete([manifest_path(2), manifest_path(3)])
    done = mend(store.objects)
    assert (done.survey.retired, done.survey.tags) == ((2, 3), ("first",))
    assert findings(store) == ()


def test_documents_that_were_blocked_in_a_lost_snapshot_do_not_come_back(store: Catalogue) -> None:
    after = delete(store, ["doc-1"], block=True).store
    cut(store.objects, manifest_path(after.version))
    mend(store.objects)
    assert "doc-1" not in held(Catalogue.open(store.uri))
    assert findings(store) == ()
    gone, _ = bring_back(store.objects, {d: t for d, t in TEXTS.items() if d != "doc-1"})
    assert "doc-1" not in held(gone)


def test_segments_of_a_lost_list_are_listed_again_and_nothing_is_encoded(tmp_path: Path) -> None:
    store = vacuumed(str(tmp_path / "store"))
    attempts = {entry.segment: entry.attempt for entry in store.entries}
    for part in store.manifest.lists:
        store.objects.delete([list_path(part.digest)])
    done = mend(store.objects)
    assert (done.survey.base.version, done.survey.lost) == (0, len(TEXTS))
    again, salvaged = bring_back(store.objects)
    assert salvaged == len(TEXTS)
    assert {entry.segment: entry.attempt for entry in again.entries}.items() <= attempts.items()
    assert held(again) == expected(TEXTS, SPEC)
    assert findings(store) == ()


def test_a_segment_that_is_listed_again_hides_what_the_corpus_lacks_or_has_anew(store: Catalogue) -> None:
    objects, newest = store.objects, store.version
    for part in store.manifest.lists:
        objects.delete([list_path(part.digest)])
    mend(objects)
    wanted = {"doc-2": "changed", "doc-1": "text 1", "doc-15": "never stored"}
    listed = list_again(
        Catalogue.open(store.uri), find_salvage(Catalogue.open(store.uri), pairs_of(wanted)), Quarantine(objects, "x")
    )
    found = held(listed)
    assert {found.get("doc-1"), found.get("doc-2")} == set(
        expected({"doc-1": "text 1", "doc-2": "changed"}, SPEC).values()
    )
    assert "doc-15" not in found
    assert listed.version > newest
    assert findings(store) == ()


def test_a_salvaged_segment_takes_nothing_from_what_others_commit_meanwhile(store: Catalogue) -> None:
    """Hidden rows of the segment are no documents: if somebody commits another text of one now, that text stays."""
    for part in store.manifest.lists:
        store.objects.delete([list_path(part.digest)])
    mend(store.objects)
    seen = Catalogue.open(store.uri)
    found = find_salvage(seen, pairs_of({"doc-14": "text 14"}))
    others = put(Catalogue.open(store.uri), {"doc-15": "from elsewhere"})
    listed = list_again(seen, found, Quarantine(store.objects, "x"))
    assert listed.version > others.version
    both = expected({"doc-14": "text 14", "doc-15": "from elsewhere"}, SPEC)
    assert {d: b for d, b in held(listed).items() if d in both} == both


def test_a_damaged_segment_that_no_list_names_is_not_listed_again(store: Catalogue) -> None:
    entry = store.entries[-1]
    path = shard(store, entry.segment)
    for part in store.manifest.lists:
        store.objects.delete([list_path(part.digest)])
    mend(store.objects)
    data = store.objects.get(path)
    store.objects.put(path, data[:-8] + bytes(8))
    again, _ = bring_back(store.objects)
    assert entry.segment not in again.listed
    assert held(again) == expected(TEXTS, SPEC)
    assert findings(store) == ()
    found = object_state(store.objects, record_path(entry.segment))
    assert found is not None
    assert found.retired


class Killed(BaseException):
    """The machine stops."""


@pytest.mark.parametrize("kind", ["shard", "manifest", "list", "store.json", "salt"])
def test_killed_at_any_write_it_is_completed_by_the_next(
    store: Catalogue, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    objects = store.objects
    paths = {
        "shard": shard(store, store.entries[0].segment),
        "manifest": manifest_path(store.version),
        "list": list_path(store.manifest.lists[-1].digest),
        "store.json": "store.json",
        "salt": "blocked/salt",
    }
    digest = store.digest()
    cut(objects, paths[kind])
    start = tree(objects)
    stop_at = 0
    while True:
        copy = Objects.open(str(tmp_path / f"{stop_at}"), make=True)
        for path, data in start.items():
            copy.put(path, data)
        left = stop_at
        with monkeypatch.context() as patch:

            def dying(real: Callable[..., object]) -> Callable[..., object]:
                def call(self: Objects, *given: object) -> object:
                    nonlocal left
                    if left == 0:
                        raise Killed
                    left -= 1
                    return real(self, *given)

                return call

            for name in ("put", "create", "delete", "replace"):
                patch.setattr(Objects, name, dying(getattr(Objects, name)))
            try:
                mend(copy)
            except Killed:
                pass
            else:
                break
        mend(copy)
        assert verify(Objects.open(copy.uri), deep=True).findings == ()
        again, _ = bring_back(copy, prune=True)
        assert again.digest() == digest
        assert blocked(copy).mask(BLOCKED).all()
        stop_at += 1
    assert stop_at > 5


def test_two_repairs_and_a_commit_at_once_lose_nothing(store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another repair, and a commit, land just before the snapshot is published."""
    cut(store.objects, shard(store, store.entries[0].segment))
    plan = plan_repair(store.objects)
    log = type(version_log(store.objects))
    real, left = log.publish, ["repair", "commit"]

    def beaten(self: object, *given: object, **named: object) -> object:
        if left and given[1] == "repair":
            if left.pop() == "repair":
                carry_out(store.objects, plan)
            else:
                put(store, {"doc-50": "meanwhile"})
        return real(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(log, "publish", beaten)
    carry_out(store.objects, plan)
    assert left == []
    assert findings(store) == ()
    again, _ = bring_back(store.objects, TEXTS | {"doc-50": "meanwhile"})
    assert held(again) == expected(TEXTS | {"doc-50": "meanwhile"}, SPEC)
    assert "doc-50" in held(Catalogue.open(store.uri))


def test_a_job_that_began_before_loses_to_no_repair(store: Catalogue) -> None:
    """The job adds to what is whole, whether its base is still there or not."""
    cut(store.objects, shard(store, store.entries[0].segment))
    added = SegmentEntry.of(write(store, {"doc-60": "late"}))
    mend(store.objects)
    after = commit(Catalogue.open(store.uri), Change(Catalogue.open(store.uri).version, "encode", [added]))
    assert "doc-60" in held(after)
    with pytest.raises((CommitConflict, StoreError, UsageError)):
        commit(Catalogue.open(store.uri), Change(store.version, "encode", [added]))


class TestWhatItCannotJudge:
    """A repair that cannot tell whether an object is damaged changes nothing."""

    @pytest.mark.parametrize("path", ["store.json", manifest_path(3), "tags/v1.json"])
    def test_a_newer_format(self, store: Catalogue, path: str) -> None:
        document = json.loads(store.objects.get(path)) | {"format_version": 9}
        del document["checksum"]
        store.objects.put(path, seal(document))
        before = tree(store.objects)
        with pytest.raises(StoreError, match="upgrade Encore"):
            plan_repair(store.objects)
        assert tree(store.objects) == before

    @pytest.mark.parametrize("path", ["store.json", manifest_path(3), "tags/v1.json"])
    def test_a_damaged_digit_is_no_newer_format(self, store: Catalogue, path: str) -> None:
        data = store.objects.get(path)
        store.objects.put(path, data.replace(b'"format_version": 1', b'"format_version": 9'))
        mend(store.objects)
        assert findings(store) == ()

    def test_what_storage_does_not_let_be_read(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        refused, real = record_path(store.entries[0].segment), Objects.get

        def get(self: Objects, path: str) -> bytes:
            if path == refused:
                raise StoreError(f"{self.name(path)}: storage refused: not allowed")
            return real(self, path)

        before = tree(store.objects)
        monkeypatch.setattr(Objects, "get", get)
        with pytest.raises(StoreError, match="see that storage lets it be read; nothing was changed"):
            plan_repair(store.objects)
        monkeypatch.setattr(Objects, "get", real)
        assert tree(store.objects) == before

    def test_a_segment_that_no_list_names_and_storage_does_not_give(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cut(store.objects, manifest_path(store.version))
        mend(store.objects)
        real = Objects.get_range
        opened, before = Catalogue.open(store.uri), tree(store.objects)

        def get_range(self: Objects, path: str, start: int, length: int) -> bytes:
            if path.endswith("documents.parquet") and path.split("/")[1] not in opened.listed:
                raise StoreError(f"{self.name(path)}: storage refused: not allowed")
            return real(self, path, start, length)

        def get(self: Objects, path: str) -> bytes:
            if path.endswith("documents.parquet") and path.split("/")[1] not in opened.listed:
                raise StoreError(f"{self.name(path)}: storage refused: not allowed")
            return real_get(self, path)

        real_get = Objects.get
        monkeypatch.setattr(Objects, "get_range", get_range)
        monkeypatch.setattr(Objects, "get", get)
        with pytest.raises(StoreError, match="storage"):
            bring_back(store.objects)
        monkeypatch.undo()
        assert tree(store.objects) == before

    def test_a_link(self, store: Catalogue, tmp_path: Path) -> None:
        cut(store.objects, shard(store, store.entries[0].segment))
        plan = plan_repair(store.objects)
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "store/aside").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match="symbolic link"):
            carry_out(store.objects, plan)
        assert not any((tmp_path / "elsewhere").iterdir())
        assert Catalogue.open(store.uri).version == store.version

    def test_no_store(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no store here"):
            plan_repair(Objects.open(str(tmp_path)))


def test_in_a_bucket(store: Catalogue, s3_bucket: str) -> None:
    objects = Objects.open(f"{s3_bucket}/store")
    for path, data in tree(store.objects).items():
        objects.put(path, data)
    cut(objects, shard(store, store.entries[0].segment))
    cut(objects, manifest_path(store.version))
    mend(objects)
    again, _ = bring_back(objects, prune=True)
    assert again.digest() == store.digest()
    assert verify(Objects.open(objects.uri), deep=True).findings == ()
