"""Forgetting beside jobs that add, delete and compact: nothing listed is lost, and in the end nothing is left."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from encore.featurestore import Catalogue
from encore.featurestore.removal.forget import remove_forgotten, rewrite
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import again, expected, held, put, spec_of
from tests.raw_bytes import all_files, traces


@pytest.mark.parametrize("rounds", [6, pytest.param(150, marks=pytest.mark.soak)])
def test_nothing_listed_is_lost(tmp_path: Path, rounds: int) -> None:
    uri = Catalogue.create(str(tmp_path / "store"), spec_of(width=256)).uri
    texts = [{f"w{writer}-{n}": f"text {writer} {n}" for n in range(rounds)} for writer in range(2)]
    gone = {f"gone-{n}-of-them": f"secret {n}" for n in range(rounds)}
    writing = threading.Event()

    def write(part: dict[str, str]) -> None:
        for doc_id, text in part.items():
            again(lambda doc_id=doc_id, text=text: put(Catalogue.open(uri), {doc_id: text}))

    def come_and_go() -> None:
        for doc_id, text in gone.items():
            again(lambda doc_id=doc_id, text=text: put(Catalogue.open(uri), {doc_id: text}))
            again(lambda doc_id=doc_id: delete(Catalogue.open(uri), [doc_id], strict=True))

    def look_after(work: Callable[[Catalogue], object]) -> None:
        while not writing.is_set():
            again(lambda: work(Catalogue.open(uri)))
            writing.wait(random.uniform(0, 0.01))

    def forget(store: Catalogue) -> None:
        rewrite(store)
        remove_forgotten(store)

    with ThreadPoolExecutor(6) as pool:
        keepers = [pool.submit(look_after, forget), pool.submit(look_after, compact)]
        try:
            for job in [*(pool.submit(write, part) for part in texts), pool.submit(come_and_go)]:
                job.result()
        finally:
            writing.set()
        for job in keepers:
            job.result()

    forget(Catalogue.open(uri))
    rewrite(Catalogue.open(uri))
    assert remove_forgotten(Catalogue.open(uri), age_limit=timedelta(0)).complete
    assert held(Catalogue.open(uri)) == expected(texts[0] | texts[1], Catalogue.open(uri).spec)
    assert not verify(Objects.open(uri), deep=True).findings
    assert not traces(all_files(Catalogue.open(uri).objects), {name: name.encode() for name in gone})
