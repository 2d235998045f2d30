"""A store driven at random by jobs that know less than all of it and may die, held against plain dictionaries."""

from __future__ import annotations

import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from obstore.store import LocalStore, MemoryStore

from encore.featurestore import Catalogue, CommitConflict, DataError, UsageError, commit
from encore.featurestore.format.tombstones import EMPTIED
from encore.featurestore.history import version_log
from encore.featurestore.history.block_list import blocked
from encore.featurestore.history.tags import add_tag, read_tags, remove_tag
from encore.featurestore.removal import sweep
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting import compaction
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments.records import record_path
from encore.featurestore.segments.writer import read_record
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import change_to, expected, features_of, held, spec_of
from tests.featurestore.simulated_storage import SimulatedStorage, Stopped
from tests.featurestore.store_model import Places, Plan, Texts, Version, kept_by_vacuum

DOC_IDS = st.sampled_from([f"doc-{i}" for i in range(5)])
CORPORA = st.dictionaries(DOC_IDS, st.sampled_from(["x", "y", "z"]), max_size=4)
"""Few ids and texts, so that texts often change, and change back."""
PRUNED = st.frozensets(DOC_IDS, max_size=2)
STOPS = st.integers(0, 100).map(lambda writes: 100 - writes)
"""Writes after which a job dies: most make fewer, and the simplest example is one that no job dies in."""

T = TypeVar("T")


class StoreMachine(RuleBasedStateMachine):
    """Jobs plan on some snapshot and commit later, in any order, and may stop at any write."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = ExitStack()
        self.objects = self.storage()
        opened = patch.object(Objects, "open", lambda _uri, make=True: self.objects)
        # One commit a group, so that a compaction may stop between two; one thread, so that runs repeat.
        for patched in opened, patch.object(compaction, "COMMIT_GROUPS", 1), patch.object(sweep, "REQUESTS_AT_ONCE", 1):
            self.closing.enter_context(patched)
        self.store = Catalogue.create(self.objects.uri, spec_of())
        self.versions = [Version({})]
        self.there = {0}
        self.plans: list[Plan] = []
        self.blocked: set[str] = set()
        self.tags: dict[str, int] = {}

    @abstractmethod
    def storage(self) -> SimulatedStorage:
        """An empty storage, to be closed with the machine."""

    def teardown(self) -> None:
        self.closing.close()

    @property
    def texts(self) -> Texts:
        return self.versions[-1].texts

    def open(self, snapshot: int | str | None = None) -> Catalogue:
        return Catalogue.open(self.objects.uri, snapshot)

    def run(self, job: Callable[[], T], stop: int | None) -> T | None:
        """What a job returns; None where it stopped, and then the store is as sound as before."""
        try:
            with self.objects.stopping(stop):
                return job()
        except Stopped:
            self.verify()
            return None
        finally:
            self.store = self.open()

    def publish(self, texts: Texts) -> None:
        """Let the model have one snapshot more."""
        self.there.add(len(self.versions))
        self.versions.append(Version(texts, self.objects.hour, len(self.blocked)))

    def committed(self, after: Texts, *, finished: bool, published: bool) -> None:
        """See that the newest snapshot is the one before or, if the job has finished, the one after."""
        if published and (finished or self.store.version == len(self.versions)):
            self.publish(after)
        assert self.store.version == len(self.versions) - 1

    def plan(self, texts: Texts, prune: frozenset[str]) -> Plan:
        prune -= texts.keys()
        return Plan(change_to(self.store, texts, prune), texts, prune)

    def land(self, plan: Plan, stop: int | None = None) -> None:
        if self.refused(plan):
            plan = self.plan(plan.texts, plan.prune)
        base, head = self.places(plan.change.base), self.places(len(self.versions) - 1)
        after = plan.applied(base, head, self.blocked)
        done = self.run(lambda: commit(self.store, plan.change), stop)
        self.committed(after, finished=done is not None, published=after != head.texts)

    def refused(self, plan: Plan) -> bool:
        """Whether a vacuum took what the plan needs: it may, if its age limit is shorter than the job."""
        listed = self.open().listed
        taken = [
            e.segment for e in plan.change.added if e.segment not in listed and not self.finished(e.segment, e.record)
        ]
        if plan.change.base in self.there and not taken:
            return False
        with pytest.raises(CommitConflict if plan.change.base in self.there else UsageError, match=r"gone|no snapshot"):
            commit(self.store, plan.change)
        return True

    def finished(self, segment: str, record: str) -> bool:
        found = read_record(self.objects, segment)
        return found is not None and found.checksum == record

    def places(self, version: int) -> Places:
        return Places.of(self.open(version), self.versions[version].texts)

    @rule(texts=CORPORA, prune=PRUNED, stop=STOPS)
    def encode(self, texts: Texts, prune: frozenset[str], stop: int) -> None:
        plan = self.run(lambda: self.plan(texts, prune), stop)
        if plan is not None:
            self.land(plan)

    @rule(texts=CORPORA, prune=PRUNED)
    def begin(self, texts: Texts, prune: frozenset[str]) -> None:
        self.plans.append(self.plan(texts, prune))

    @precondition(lambda self: self.plans)
    @rule(data=st.data(), stop=STOPS)
    def finish(self, data: st.DataObject, stop: int) -> None:
        self.land(self.plans.pop(data.draw(st.integers(0, len(self.plans) - 1))), stop)

    @rule(ids=st.frozensets(DOC_IDS, max_size=2), block=st.booleans(), data=st.data(), stop=STOPS)
    def delete(self, ids: frozenset[str], block: bool, data: st.DataObject, stop: int) -> None:
        seen = self.open(data.draw(st.sampled_from(sorted(self.there))))
        gone, news = ids & self.texts.keys(), ids - self.blocked if block else set()
        done = self.run(lambda: delete(seen, sorted(ids), block=block), stop)
        if done is not None:
            assert (done.deleted, done.not_stored, done.blocked) == (len(gone), len(ids - gone), len(news))
            assert done.snapshot == self.store.version
        # The block list comes first: a document that could not be deleted any more is at least not let in again.
        if done is not None or blocked(self.objects).mask(sorted(news)).any():
            self.blocked |= news
        fenced = not (block and ids) or self.versions[-1].fence == len(self.blocked)
        after = {doc_id: text for doc_id, text in self.texts.items() if doc_id not in ids}
        self.committed(after, finished=done is not None, published=bool(gone) or not fenced)

    @rule(target_bytes=st.sampled_from([1, 20, 1 << 20]), stop=STOPS)
    def compact(self, target_bytes: int, stop: int) -> None:
        done = self.run(lambda: compaction.compact(self.store, target_bytes=target_bytes), stop)
        while self.store.version >= len(self.versions):
            self.publish(self.texts)
        if done is not None:
            assert done.after == self.store.version
            assert not any(entry.deleted for entry in self.store.entries)
            assert compaction.plan_groups(self.store.entries, target_bytes) == []

    @rule(keep=st.integers(1, 3), days=st.sampled_from([0, 2]), hours=st.sampled_from([0, 3, 168]), stop=STOPS)
    def vacuum(self, keep: int, days: int, hours: int, stop: int) -> None:
        now = self.objects.hour
        kept = kept_by_vacuum(self.versions, self.there, self.tags.values(), keep, now - max(hours, 24 * days))
        young = {path for path, hour in self.objects.written.items() if hour > now - hours and not self.given_up(path)}
        limits = {"keep_snapshots": keep, "keep_days": days, "age_limit": timedelta(hours=hours)}
        done = self.run(lambda: vacuum(self.objects, **limits), stop)
        assert young <= self.objects.written.keys()
        if self.store.version == len(self.versions):
            kept.add(len(self.versions))
            self.there.add(len(self.versions))
            self.versions.append(replace(self.versions[-1], hour=now, by_vacuum=True))
        left = {manifest.version for manifest in version_log(self.objects).history()}
        assert kept <= left <= self.there
        self.there = {0} | left
        if done is not None:
            assert set(done.kept) == kept == left
            # verify gives no number where it has findings.
            assert hours or verify(Objects.open(self.objects.uri)).unreferenced in (0, None)

    def given_up(self, path: str) -> bool:
        """Whether a vacuum that stopped has emptied a segment's tombstone: nobody can list it any more."""
        parts = path.split("/")
        return len(parts) > 2 and self.objects.size(record_path(parts[1])) == len(EMPTIED)

    @rule(hours=st.sampled_from([1, 5, 24 * 8]))
    def wait(self, hours: int) -> None:
        self.objects.hour += hours

    @precondition(lambda self: len(self.there) > 1)
    @rule(name=st.sampled_from(["a", "b"]), data=st.data())
    def tag(self, name: str, data: st.DataObject) -> None:
        if name in self.tags:
            del self.tags[name]
            remove_tag(self.objects, name)
        if data.draw(st.booleans()):
            self.tags[name] = data.draw(st.sampled_from(sorted(self.there - {0})))
            add_tag(self.objects, name, self.tags[name])

    @rule(version=st.integers(0, 50), ids=st.lists(DOC_IDS, max_size=6))
    def read(self, version: int, ids: list[str]) -> None:
        self.look_back(version % len(self.versions))
        self.gather(ids)
        self.verify()

    def look_back(self, version: int) -> None:
        if version in self.there:
            assert held(self.open(version)) == expected(self.versions[version].texts, self.store.spec)
        else:
            with pytest.raises(UsageError, match=f"no snapshot {version}"):
                self.open(version)

    def gather(self, ids: list[str]) -> None:
        assert self.store.contains(ids).tolist() == [doc_id in self.texts for doc_id in ids]
        if all(doc_id in self.texts for doc_id in ids):
            block = self.store.gather(ids)
            assert block.doc_ids.to_pylist() == ids
            wanted = b"".join(features_of(self.texts[doc_id], self.store.spec).tobytes() for doc_id in ids)
            assert block.packed.tobytes() == wanted
        else:
            with pytest.raises(DataError, match="documents are not stored"):
                self.store.gather(ids)

    def verify(self) -> None:
        assert verify(Objects.open(self.objects.uri), deep=True).findings == ()

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        assert held(self.store) == expected(self.texts, self.store.spec)
        assert len(self.store) == len(self.texts) == self.store.documents().num_rows
        assert self.store.manifest.counts.get("documents", 0) == len(self.texts)

    @invariant()
    def tagged_snapshots_hold_what_they_held(self) -> None:
        assert read_tags(self.objects) == self.tags
        for name, version in self.tags.items():
            assert held(self.open(name)) == expected(self.versions[version].texts, self.store.spec)


class OnDisk(StoreMachine):
    def storage(self) -> SimulatedStorage:
        folder = tempfile.mkdtemp()
        self.closing.callback(shutil.rmtree, folder)
        return SimulatedStorage(LocalStore(folder, automatic_cleanup=True), folder)


class InMemory(StoreMachine):
    def storage(self) -> SimulatedStorage:
        return SimulatedStorage(MemoryStore(), "memory://store")


MACHINES = pytest.mark.parametrize("machine", [OnDisk, InMemory])


@MACHINES
def test_a_store_behaves_as_a_dictionary(machine: type[StoreMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=20))


@MACHINES
@pytest.mark.soak
def test_a_store_behaves_as_a_dictionary_for_long(machine: type[StoreMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=200, stateful_step_count=50))
