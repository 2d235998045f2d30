"""`store.json` made anew."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import pytest

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.repair.execution import carry_out
from encore.featurestore.repair.plan import plan_repair
from encore.featurestore.segments.records import attempt_path, record_path
from encore.featurestore.segments.writer import read_record
from tests.featurestore.damage import (
    SPEC,
    cut,
    findings,
    mend,
    tree,
)


def test_without_it_nobody_takes_the_folder_for_empty(store: Catalogue) -> None:
    store.objects.delete(["store.json"])
    for use in (Catalogue.open, lambda uri: Catalogue.create(uri, SPEC)):
        with pytest.raises(StoreError, match=r"store\.json: missing; run encore repair"):
            use(store.uri)
    assert store.objects.size("store.json") is None


def test_the_id_stays_where_the_damage_lies_elsewhere(store: Catalogue) -> None:
    data = store.objects.get("store.json")
    store.objects.put("store.json", data.replace(b'"hidden_size": 16', b'"hidden_size": 17'))
    plan = plan_repair(store.objects)
    assert not plan.new_id
    mend(store.objects)
    assert Catalogue.open(store.uri).store_id == store.store_id
    assert Catalogue.open(store.uri).spec == store.spec


def test_the_id_is_a_new_one_where_nothing_vouches_for_it(store: Catalogue) -> None:
    data, store_id = store.objects.get("store.json"), store.store_id
    store.objects.put("store.json", data.replace(store_id.encode(), store_id[::-1].encode()))
    assert plan_repair(store.objects).new_id
    plan = plan_repair(store.objects, store_id="ab" * 16)
    assert not plan.new_id
    carry_out(store.objects, plan)
    assert Catalogue.open(store.uri).store_id == "ab" * 16
    assert findings(store) == ()


@pytest.mark.parametrize("vouched", [False, True])
def test_it_is_made_of_no_segment_that_nothing_vouches_for(store: Catalogue, vouched: bool) -> None:
    """The description differs from what the record knows, or describes other features than the record names."""
    objects, wanted = store.objects, Catalogue.open(store.uri).spec.to_dict()
    segment = store.entries[-1].segment
    record = read_record(objects, segment)
    assert record is not None
    group = f"{attempt_path(segment, record.attempt)}/zarr.json"
    data = objects.get(group)
    if vouched:
        data = data.replace(b'"max_length": 64', b'"max_length": 65')
        digest = hashlib.sha256(data).hexdigest()
        stored = tuple(replace(it, sha256=digest) if it.path == "zarr.json" else it for it in record.objects)
        objects.put(record_path(segment), replace(record, objects=stored).to_bytes())
    else:
        data = data.replace(b'"name": "tiny"', b'"name": "tinz"')
    assert data != objects.get(group)
    objects.put(group, data)
    objects.delete(["store.json"])
    mend(objects)
    assert Catalogue.open(store.uri).spec.to_dict() == wanted
    assert findings(store) == ()


def test_one_that_lies_too_deep_in_itself_is_made_anew(store: Catalogue) -> None:
    store.objects.put("store.json", b"[" * 100_000)
    mend(store.objects)
    assert Catalogue.open(store.uri).spec == store.spec
    assert findings(store) == ()


def test_without_a_sound_segment_it_says_so(store: Catalogue) -> None:
    store.objects.delete(["store.json"])
    for path, _ in list(store.objects.walk("segments")):
        if re.fullmatch(r"segments/\w+/\w+/zarr\.json", path):
            cut(store.objects, path)
    before = tree(store.objects)
    with pytest.raises(StoreError, match="cannot be made anew"):
        plan_repair(store.objects)
    assert tree(store.objects) == before
