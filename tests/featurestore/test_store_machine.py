"""A store driven at random by jobs that know less than all of it, held against plain dictionaries."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from featurestore import Change, DataError, Store, commit
from featurestore.maintenance.delete import delete
from featurestore.tags import add_tag, remove_tag, tags
from tests.featurestore.building import change_to, expected, features_of, held, spec_of

DOC_IDS = st.sampled_from([f"doc-{i}" for i in range(6)])
CORPORA = st.dictionaries(DOC_IDS, st.sampled_from(["x", "y", "z"]), max_size=4)
"""Few ids and texts, so that texts often change, and change back."""


@dataclass(frozen=True)
class Row:
    """A stored document: its text, and the commit that wrote it."""

    text: str
    written: int


Model = dict[str, Row]


@dataclass(frozen=True)
class Plan:
    """A job that has written its segment and not committed yet."""

    change: Change
    texts: dict[str, str]
    prune: frozenset[str]

    def applied(self, base: Model, head: Model, listed_meanwhile: bool, blocked: set[str], number: int) -> Model:
        """The head after this plan, which was made on the base, is committed as version ``number``."""
        after = dict(head)
        for doc_id in self.prune:
            # What was pruned is the row that the job saw; one written since stays.
            if doc_id in base and head.get(doc_id) == base[doc_id]:
                del after[doc_id]
        if listed_meanwhile:
            return after
        for doc_id, text in self.texts.items():
            new = doc_id not in base or base[doc_id].text != text
            if new and doc_id not in blocked and not (doc_id in head and head[doc_id].text == text):
                after[doc_id] = Row(text, number)
        return after


class StoreMachine(RuleBasedStateMachine):
    """Jobs plan on some snapshot and commit later, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.store = Store.create(self.folder, spec_of())
        self.models: list[Model] = [{}]
        self.plans: list[Plan] = []
        self.blocked: set[str] = set()
        self.tags: dict[str, int] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def plan(self, texts: dict[str, str], prune: frozenset[str]) -> Plan:
        prune -= texts.keys()
        return Plan(change_to(self.store, texts, prune), texts, prune)

    def land(self, plan: Plan) -> None:
        head, base = self.models[-1], self.models[plan.change.base]
        now = {entry.segment for entry in Store.open(self.folder).entries}
        then = {entry.segment for entry in Store.open(self.folder, plan.change.base).entries}
        meanwhile = any(entry.segment in now - then for entry in plan.change.added)
        model = plan.applied(base, head, meanwhile, self.blocked, len(self.models))
        self.store = commit(self.store, plan.change)
        if model != head:
            self.models.append(model)
        assert self.store.version == len(self.models) - 1

    @rule(texts=CORPORA, prune=st.frozensets(DOC_IDS, max_size=2))
    def put(self, texts: dict[str, str], prune: frozenset[str]) -> None:
        self.land(self.plan(texts, prune))

    @rule(texts=CORPORA, prune=st.frozensets(DOC_IDS, max_size=2))
    def begin(self, texts: dict[str, str], prune: frozenset[str]) -> None:
        self.plans.append(self.plan(texts, prune))

    @precondition(lambda self: self.plans)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        self.land(self.plans.pop(data.draw(st.integers(0, len(self.plans) - 1))))

    @rule(ids=st.frozensets(DOC_IDS, max_size=2), block=st.booleans(), data=st.data())
    def delete(self, ids: frozenset[str], block: bool, data: st.DataObject) -> None:
        head = self.models[-1]
        seen = Store.open(self.folder, data.draw(st.integers(0, len(self.models) - 1)))
        done = delete(seen, sorted(ids), block=block)
        gone, news = ids & head.keys(), ids - self.blocked if block else set()
        assert (done.deleted, done.not_stored, done.blocked) == (len(gone), len(ids - gone), len(news))
        self.blocked |= news
        if gone or news:
            self.models.append({doc_id: row for doc_id, row in head.items() if doc_id not in ids})
        self.store = done.store
        assert done.snapshot == len(self.models) - 1

    @precondition(lambda self: len(self.models) > 1)
    @rule(name=st.sampled_from(["a", "b"]), data=st.data())
    def tag(self, name: str, data: st.DataObject) -> None:
        if name in self.tags:
            remove_tag(self.store.objects, name)
        self.tags[name] = data.draw(st.integers(1, len(self.models) - 1))
        add_tag(self.store.objects, name, self.tags[name])
        assert tags(self.store.objects) == self.tags

    @rule()
    def reopen(self) -> None:
        self.store = Store.open(self.folder)

    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        named = data.draw(st.sampled_from([*range(len(self.models)), *self.tags]))
        version = self.tags[named] if isinstance(named, str) else named
        texts = {doc_id: row.text for doc_id, row in self.models[version].items()}
        assert held(Store.open(self.folder, named)) == expected(texts, self.store.spec)

    @rule(ids=st.lists(DOC_IDS, max_size=6))
    def gather(self, ids: list[str]) -> None:
        model = self.models[-1]
        assert self.store.contains(ids).tolist() == [doc_id in model for doc_id in ids]
        if all(doc_id in model for doc_id in ids):
            block = self.store.gather(ids)
            assert block.doc_ids.to_pylist() == ids
            wanted = b"".join(features_of(model[doc_id].text, self.store.spec).tobytes() for doc_id in ids)
            assert block.packed.tobytes() == wanted
        else:
            with pytest.raises(DataError, match="documents are not stored"):
                self.store.gather(ids)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        texts = {doc_id: row.text for doc_id, row in self.models[-1].items()}
        assert held(self.store) == expected(texts, self.store.spec)
        assert len(self.store) == len(texts) == self.store.documents().num_rows
        assert self.store.manifest.counts.get("documents", 0) == len(texts)


def test_a_store_behaves_as_a_dictionary() -> None:
    run_state_machine_as_test(StoreMachine, settings=settings(max_examples=40, stateful_step_count=20))


@pytest.mark.soak
def test_a_store_behaves_as_a_dictionary_for_long() -> None:
    run_state_machine_as_test(StoreMachine, settings=settings(max_examples=400, stateful_step_count=40))
