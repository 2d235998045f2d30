"""Stores of every kind to damage, and a repair with a corpus, by hand: what is encoded again follows from the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pyarrow as pa

from encore.featurestore import Catalogue
from encore.featurestore.history.tags import add_tag
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.repair.execution import BlockListChoice, Repair, carry_out
from encore.featurestore.repair.plan import plan_repair
from encore.featurestore.repair.quarantine import Quarantine
from encore.featurestore.repair.salvage import find_salvage, list_again
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.documents import document_index
from tests.featurestore.building import held, put, spec_of

SPEC = spec_of("float16")
BLOCKED = ["doc-0", "somebody"]
TEXTS = {f"doc-{i}": f"text {i}" for i in range(1, 20) if i not in (3, 8)} | {"doc-2": "changed", "doc-12": "changed"}
"""What every one of these stores holds in the end."""


def history(uri: str) -> Catalogue:
    """Snapshots of an encode, a change, deletions and more documents; two have tags."""
    store = put(Catalogue.create(uri, SPEC), {f"doc-{i}": f"text {i}" for i in range(9)})
    store = delete(store, BLOCKED, block=True).store
    add_tag(store.objects, "first", store.version)
    store = put(store, {"doc-2": "changed"} | {f"doc-{i}": f"text {i}" for i in range(9, 14)})
    store = delete(store, ["doc-3", "doc-8"]).store
    add_tag(store.objects, "v1", store.version)
    return put(store, {"doc-12": "changed"} | {f"doc-{i}": f"text {i}" for i in range(14, 20)})


def compacted(uri: str) -> Catalogue:
    """The same, with its small segments merged, and then a deletion in what was merged; older snapshots are there."""
    store = history(uri)
    store = put(store, {"doc-30": "in passing"})
    compact(store, target_bytes=700)
    return delete(Catalogue.open(uri), ["doc-30"]).store


def vacuumed(uri: str) -> Catalogue:
    """One snapshot, and nothing that it does not need; its tag names it."""
    store = history(uri)
    for tag in ("first", "v1"):
        store.objects.delete([f"tags/{tag}.json"])
    vacuum(store.objects, age_limit=timedelta(0))
    vacuum(store.objects, age_limit=timedelta(0))
    store = Catalogue.open(uri)
    add_tag(store.objects, "v1", store.version)
    return store


STORES = {"history": history, "compacted": compacted, "vacuumed": vacuumed}


def pairs_of(texts: Mapping[str, str]) -> pa.Table:
    """Key hashes and text digests of a corpus."""
    return document_index(list(texts), list(texts.values()), [1] * len(texts)).select(["key_hash", "text_digest"])


def mend(objects: Objects, blocked_ids: Sequence[str] | None = BLOCKED) -> Repair:
    """Repair without a corpus."""
    return carry_out(objects, plan_repair(objects), BlockListChoice(ids=blocked_ids))


def bring_back(objects: Objects, texts: Mapping[str, str] = TEXTS, *, prune: bool = False) -> tuple[Catalogue, int]:
    """List whole segments again and encode the rest; the store, and how many documents were listed again."""
    store = Catalogue.open(objects.uri)
    found = find_salvage(store, pairs_of(texts))
    store = list_again(store, found, Quarantine(objects, "salvage"))
    gone = held(store).keys() - texts.keys() if prune else ()
    return put(store, texts, frozenset(gone)), found.documents


def cut(objects: Objects, path: str) -> bytes:
    """Cut an object in half; return what it was."""
    data = objects.get(path)
    objects.put(path, data[: len(data) // 2])
    return data


def shard(store: Catalogue, segment: str) -> str:
    (path,) = (path for path, _ in store.objects.walk(f"segments/{segment}") if "/features/c/" in path)
    return path


def tree(objects: Objects) -> dict[str, bytes]:
    return {path: objects.get(path) for path, _ in objects.walk()}


def findings(store: Catalogue) -> tuple[object, ...]:
    return verify(Objects.open(store.uri), deep=True).findings
