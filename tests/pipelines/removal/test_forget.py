"""The whole loop forgets: what encode and backfill wrote about a document is in no byte of store and predictions."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from encore.featurestore import Catalogue, UsageError
from encore.featurestore.documents.ids import text_digests
from encore.featurestore.history.tags import add_tag
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.flow import segment_blocks
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.removal.forget import Forgetting, forget
from encore.pipelines.runs.report import JobReport
from tests.pipelines.backfill.trained_heads import train
from tests.pipelines.jobs import ONE_WORKER, run_encode, texts, write_corpus
from tests.raw_bytes import all_files, traces
from tests.templates import copied

COUNT = 60
PEOPLE = {"zoe@example.org": "Zoe said w1 w2 w3 w4", "adam@example.org": "Adam w9 w8 w7 said"}
REJECTED = "eve@example.org"
CHANGED = "d5"


class Loop:
    """A store and a predictions folder below one root, with people in three segments, dead letters and predictions."""

    def __init__(self, root: str, folder: Path, codec: str) -> None:
        self.root, self.folder, self.codec = root, folder, codec
        folder.mkdir(exist_ok=True)
        rows = texts(COUNT)
        people = [{"doc_id": name, "text": text} for name, text in PEOPLE.items()]
        self.encode([people[0], *rows[:30], {"doc_id": REJECTED, "text": "   "}, *rows[30:], people[1]], unit_rows=16)
        self.old = self.needles({CHANGED: rows[5]["text"]}, PEOPLE)
        train(self.store, folder)
        self.backfill()
        self.encode([{"doc_id": CHANGED, "text": "quite another text than before"}])

    @property
    def store(self) -> Catalogue:
        return Catalogue.open(f"{self.root}/store")

    @property
    def predictions(self) -> PredictionsFolder:
        return PredictionsFolder.open(f"{self.root}/out")

    def encode(self, rows: list[dict[str, object]], **request: object) -> None:
        corpus = write_corpus(self.folder / "corpus.parquet", rows)
        assert run_encode(f"{self.root}/store", corpus, codec=self.codec, **request).exit_code == 0

    def backfill(self) -> JobReport:
        request = BackfillRequest(f"{self.root}/store", (str(self.folder / "parity"),), f"{self.root}/out")
        return backfill(request, beam_options=ONE_WORKER)

    def needles(self, changed: dict[str, str], people: dict[str, str]) -> dict[str, bytes]:
        found = {f"id {name}": name.encode() for name in (*people, REJECTED)}
        block = self.store.gather([*changed, *people])
        for number, (name, text) in enumerate((changed | people).items()):
            digest = text_digests(pa.array([text]))[0].as_py()
            rows = block.packed[block.offsets[number] : block.offsets[number + 1]]
            found |= {f"digest of {name}": digest, f"hex digest of {name}": digest.hex().encode()}
            found[f"features of {name}"] = rows.tobytes()
        return found

    def traces(self) -> set[tuple[str, str]]:
        files = {f"store/{path}": data for path, data in all_files(self.store.objects).items()}
        files |= {f"out/{path}": data for path, data in all_files(self.predictions.objects).items()}
        return traces(files, self.old)

    def delete(self) -> None:
        delete(self.store, [*PEOPLE, REJECTED], block=True)

    def forget(self, **options: timedelta) -> Forgetting:
        return forget(self.store, [self.predictions], **options)

    def answers(self) -> dict[str, float]:
        table = self.predictions.read("parity")
        return dict(zip(table["doc_id"].to_pylist(), table["score"].to_pylist(), strict=True))


@pytest.fixture(params=["local-none", "local-zstd", "s3-none"])
def loop(request: pytest.FixtureRequest, tmp_path: Path) -> Loop:
    where, codec = request.param.split("-")
    root = str(tmp_path) if where == "local" else str(request.getfixturevalue("s3_bucket"))
    return Loop(root, tmp_path / "here", codec)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    root = tmp_path_factory.mktemp("template")
    return Loop(str(root), root / "here", "none")


@pytest.fixture
def local(template: Loop, tmp_path: Path) -> Loop:
    made = copy(template)
    made.root = str(copied(Path(template.root), tmp_path))
    made.folder = tmp_path / "here"
    return made


def test_no_byte_of_store_and_predictions_is_left(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    before, kept = loop.traces(), loop.answers()
    digest = loop.store.digest()
    loop.delete()
    left = loop.store.digest()
    assert left != digest
    assert {name for name, _ in before} == {name for name in loop.old if "hex" not in name}
    kinds = {("store", "segments"), ("store", "runs"), ("out", "head=" + loop.predictions.heads()[0])}
    assert {tuple(path.split("/")[:2]) for _, path in before} == kinds

    done = loop.forget()

    assert done.complete
    assert loop.traces() == set()
    assert loop.store.digest() == left
    assert not verify(Objects.open(loop.store.uri), deep=True).findings
    live = {f"d{number}" for number in range(COUNT)} - {CHANGED}
    assert loop.answers() == {name: kept[name] for name in live}
    assert done.folders[0].unscored == 1

    monkeypatch.setattr(segment_blocks, "BLOCK_BYTES", 1 << 20)
    report = loop.backfill()
    assert (report.exit_code, report.document["documents"]["scored"]) == (0, 1)
    assert loop.answers().keys() == live | {CHANGED}
    assert loop.traces() == set()


def test_predictions_that_followed_the_deletion_already_are_kept(local: Loop) -> None:
    local.delete()
    local.backfill()
    kept = local.answers()
    done = local.forget()
    assert (done.complete, done.folders[0].unscored) == (True, 0)
    assert local.answers() == kept
    assert local.traces() == set()


def test_a_folder_that_was_forgotten_about_can_be_named_later(local: Loop) -> None:
    local.delete()
    assert forget(local.store).complete
    assert {path.split("/")[0] for _, path in local.traces()} == {"out"}
    assert local.forget().complete
    assert local.traces() == set()


def test_files_that_an_interrupted_backfill_left_go_as_well(local: Loop) -> None:
    listed = local.predictions.files()[0]
    data = local.predictions.objects.get(listed.path)
    orphan = listed.path.replace("-all", "-" + "0" * 32)
    local.predictions.objects.put(orphan, data)
    local.delete()
    assert local.forget().complete
    assert local.predictions.objects.size(orphan) is None


def test_a_backfill_that_is_at_work_keeps_what_it_reads(local: Loop) -> None:
    snapshot = local.store
    run = f"runs/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-00c0ffee"
    local.predictions.objects.put(f"{run}/started.json", b"{}")
    local.delete()
    done = local.forget()
    assert [sign.name for sign in done.removal.at_work] == [local.predictions.objects.name(run)]
    assert not done.complete
    assert len(snapshot.documents()) == len(snapshot)
    assert snapshot.digest() == Catalogue.open(snapshot.uri, snapshot.version).digest()
    assert local.forget(age_limit=timedelta(0)).complete
    assert local.traces() == set()


def test_every_job_says_that_it_is_at_work(local: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[list[str]] = []

    def look(*_: object) -> None:
        found.append([sign.name for sign in forget(local.store, [local.predictions], dry_run=True).removal.at_work])

    monkeypatch.setattr("encore.pipelines.runs.job_run.run_to_end", look)
    run_encode(local.store.uri, write_corpus(local.folder / "more.parquet", texts(5, start=COUNT)))
    local.backfill()
    assert [[name.rpartition("/")[0] for name in names] for names in found] == [
        [f"{local.root}/store/runs"],
        [f"{local.root}/out/runs"],
    ]


def test_another_stores_predictions_are_refused_before_anything_is_changed(local: Loop, tmp_path: Path) -> None:
    other = Loop(str(tmp_path / "other"), tmp_path / "other-here", "none")
    local.delete()
    before = all_files(local.store.objects)
    with pytest.raises(UsageError, match="predictions for another store"):
        forget(local.store, [local.predictions, other.predictions])
    assert all_files(local.store.objects) == before


def test_a_tag_keeps_predictions_of_nobody(local: Loop) -> None:
    add_tag(local.store.objects, "paper", local.store.version)
    local.delete()
    done = local.forget()
    assert done.removal.tags == {"paper": 3}
    assert {path.split("/")[1] for _, path in local.traces()} == {"segments"}
    assert not verify(Objects.open(local.store.uri), deep=True).findings


def test_a_dry_run_changes_nothing(local: Loop) -> None:
    local.delete()
    roots = [Objects.open(local.store.uri), local.predictions.objects]
    before = [all_files(root) for root in roots]
    forget(local.store, [local.predictions], dry_run=True)
    assert [all_files(root) for root in roots] == before


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.soak)])
def test_whatever_it_is_interrupted_at_a_second_call_finishes_it(
    local: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    local.delete()
    live = set(local.answers()) - {*PEOPLE, CHANGED}
    finished, changes = False, 0
    while not finished:
        copy = tmp_path / f"copy-{changes}"
        for name in ("store", "out"):
            shutil.copytree(tmp_path / name, copy / name)
        monkeypatch.setattr(local, "root", str(copy))
        with monkeypatch.context() as patch:
            left = itertools.count(changes, -1)
            for method in ("put", "create", "delete"):
                patch.setattr(Objects, method, _dying(getattr(Objects, method), left))
            try:
                local.forget()
                finished = True
            except KeyboardInterrupt:
                pass
        assert local.answers().keys() >= live
        assert local.forget().complete
        assert local.traces() == set()
        assert local.answers().keys() == live
        assert not verify(Objects.open(local.store.uri), deep=True).findings
        shutil.rmtree(copy)
        changes += every
    assert changes > 30


def _dying(method: Callable[..., Any], left: Iterator[int]) -> Callable[..., Any]:
    """A change of storage that stops the process once ``left`` is used up."""

    def change(*arguments: Any) -> Any:
        if next(left) <= 0:
            raise KeyboardInterrupt
        return method(*arguments)

    return change
