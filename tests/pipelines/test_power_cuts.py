"""A power cut at any moment of any job takes nothing that was committed, and the same command completes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from featurestore import Store
from featurestore.maintenance.compact import compact
from featurestore.maintenance.delete import delete
from featurestore.maintenance.vacuum import vacuum
from featurestore.maintenance.verify import verify
from featurestore.objects import Objects
from featurestore.syncing import NO_SYNC
from featurestore.versions import VersionLog, manifest_path
from heads import Head, Labels, TrainSettings
from heads.store_training import TrainRequest, train_from_store
from pipelines.backfill_job import BackfillRequest, backfill
from pipelines.predictions import Predictions
from tests.featurestore.disk_images import Cut, Recorder
from tests.pipelines.jobs import ONE_WORKER, run_encode, texts, write_corpus

STYLES = ("names lost", "contents lost", "chance", "chance")
COUNT = 24


@dataclass(frozen=True)
class Site:
    """A store, predictions and a head below one folder, and the jobs that keep them.

    Attributes:
        folder: what the power cut hits.
        inputs: corpora, which it does not.
    """

    folder: Path
    inputs: Path

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions"

    @property
    def head(self) -> Path:
        return self.folder / "heads/topic"

    @property
    def jobs(self) -> dict[str, Callable[[], object]]:
        """Each may be run again."""
        return {
            "encode": lambda: self.encode("first.parquet"),
            "encode more": lambda: self.encode("second.parquet"),
            "delete": lambda: delete(Store.open(str(self.store)), ["d1", "d9"]),
            "train": lambda: self.train(epochs=1),
            "backfill": self.backfill,
            "compact": lambda: compact(Store.open(str(self.store))),
            "backfill again": self.backfill,
            "vacuum": lambda: vacuum(Objects.open(str(self.store)), age_limit=timedelta(0)),
            "train again": lambda: self.train(epochs=2),
        }

    def write_inputs(self) -> None:
        write_corpus(self.inputs / "first.parquet", texts(COUNT))
        write_corpus(self.inputs / "second.parquet", [*texts(2, word="changed"), *texts(COUNT + 6, start=2)])

    def encode(self, corpus: str) -> None:
        spec = {"layers": "mean:2", "quantizer": "sign", "unit_rows": 10}
        run_encode(self.store, str(self.inputs / corpus), **spec)

    def train(self, epochs: int) -> None:
        rows = {"doc_id": [f"d{i}" for i in range(COUNT)], "label": ["even", "odd"] * (COUNT // 2)}
        labels = Labels.from_table(pa.table(rows), "doc_id", "label", "labels")
        request = TrainRequest("topic", labels, dev_share=0, settings=TrainSettings(epochs=epochs))
        train_from_store(Store.open(str(self.store)), request).head.save(self.head)

    def backfill(self) -> None:
        request = BackfillRequest(str(self.store), (str(self.head),), str(self.predictions), device="cpu")
        backfill(request, beam_options=ONE_WORKER)

    def state(self) -> dict[str, Any]:
        """What the store, the predictions and the head say; None for what is not there yet."""
        store = Store.open(str(self.store)) if (self.store / "store.json").exists() else None
        head = Head.load(self.head).digest if self.head.exists() else None
        listed = (self.predictions / "manifests").exists()
        return {
            "documents": None if store is None else store.digest(),
            "head": head,
            "predictions": answers(Predictions.open(str(self.predictions))) if listed else None,
        }


def answers(predictions: Predictions) -> dict[str, list[tuple[str, str, float]]]:
    """Head → id, label and score of each document."""
    found = {}
    for head in predictions.heads():
        table = predictions.read(head).sort_by("doc_id")
        columns = (table[name].to_pylist() for name in ("doc_id", "label", "score"))
        found[head] = list(zip(*columns, strict=True))
    return found


@dataclass
class Recorded:
    """What the jobs did to the disk, and what was true when.

    Attributes:
        recorder: their events.
        site: where they ran.
        states: job → what `Site.state` said after it.
        retired: versions of the store that the vacuum took.
    """

    recorder: Recorder
    site: Site
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    retired: frozenset[int] = frozenset()

    def at(self, events: int) -> Moment:
        """What was promised when so many events had happened."""
        moment = Moment("", False, {}, {}, [None])
        for kind, *what in self.recorder.events[:events]:
            if kind == "mark":
                moment.happen(*what)
        return moment


@dataclass
class Moment:
    """What was promised at some moment.

    Attributes:
        job: the latest to have begun.
        done: whether it has ended.
        snapshots: version of the store → bytes of its manifest, for each whose publication had returned.
        files: the same of the predictions.
        heads: digests of the heads of which one is there.
    """

    job: str
    done: bool
    snapshots: dict[int, bytes]
    files: dict[int, bytes]
    heads: list[str | None]

    def happen(self, kind: str, *what: Any) -> None:
        if kind == "begin":
            self.job, self.done = what[0], False
        elif kind == "end":
            self.done = True
        elif kind == "published":
            {"store": self.snapshots, "predictions": self.files}[what[0]][what[1]] = what[2]
        elif kind == "saving":
            self.heads = [self.heads[-1], what[0]]
        elif kind == "saved":
            self.heads = self.heads[-1:]


def record(site: Site) -> Recorded:
    """Run every job, and record what it does to the disk."""
    site.folder.mkdir()
    site.write_inputs()
    recorder = Recorder(site.folder)
    recorded = Recorded(recorder, site)
    publish, save = VersionLog.publish, Head.save

    def published(log: VersionLog, *args: Any, **options: Any) -> Any:
        manifest = publish(log, *args, **options)
        if manifest is not None:
            content = log.objects.get(manifest_path(manifest.version))
            recorder.mark("published", Path(log.objects.uri).name, manifest.version, content)
        return manifest

    def saved(head: Head, directory: Any) -> None:
        recorder.mark("saving", head.digest)
        save(head, directory)
        recorder.mark("saved")

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(NO_SYNC, raising=False)
        patch.setattr(VersionLog, "publish", published)
        patch.setattr(Head, "save", saved)
        for name, job in site.jobs.items():
            recorder.mark("begin", name)
            with recorder.recording():
                job()
            recorder.mark("end", name)
            recorded.states[name] = site.state()
    there = verify(str(site.store)).snapshots
    every = recorded.at(len(recorder.events)).snapshots
    recorded.retired = frozenset(every.keys() - set(there))
    return recorded


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("power")
    return record(Site(folder / "disk", folder / "inputs"))


def tree(folder: Path) -> dict[str, bytes | None]:
    paths = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in paths}


def check(recorded: Recorded, events: int, image: Site, *, again: bool) -> None:
    """See that an image of the disk holds what was promised; ``again`` runs the job that was at work once more."""
    moment = recorded.at(events)
    promised = moment.snapshots
    if moment.job not in list(recorded.site.jobs)[: list(recorded.site.jobs).index("vacuum")]:
        promised = {version: data for version, data in promised.items() if version not in recorded.retired}
    if promised:
        verified = verify(str(image.store), deep=True)
        assert verified.findings == ()
        assert promised.keys() <= set(verified.snapshots)
        for version, content in promised.items():
            assert (image.store / manifest_path(version)).read_bytes() == content
    if moment.files:
        newest = max(moment.files)
        predictions = Predictions.open(str(image.predictions))
        assert (image.predictions / manifest_path(newest)).read_bytes() == moment.files[newest]
        assert answers(predictions) in [state["predictions"] for state in recorded.states.values()]
    if moment.heads != [None]:
        held = Head.load(image.head).digest if image.head.exists() else None
        assert held in moment.heads
    if again:
        image.jobs[moment.job]()
        assert image.state() == recorded.states[moment.job]
        assert verify(str(image.store), deep=True).findings == ()


def test_the_model_has_seen_all_that_happened(recorded: Recorded, tmp_path: Path) -> None:
    recorder = recorded.recorder
    recorder.disk_at(len(recorder.events)).write(tmp_path / "model")
    assert tree(tmp_path / "model") == tree(recorded.site.folder)
    kinds = {event[0] for event in recorder.events}
    assert kinds == {"mark", "mkdir", "file", "link", "rename", "exchange", "remove", "sync"}


def cuts(recorded: Recorded, count: int) -> Iterator[tuple[int, int]]:
    """Numbers and places of cuts that lie all over the jobs, none of which is between two marks."""
    places = [i + 1 for i, event in enumerate(recorded.recorder.events) if event[0] != "mark"]
    random = Random(count)
    for number, part in enumerate(np.array_split(np.array(places), count)):
        yield number, int(random.choice(part))


@pytest.mark.parametrize(
    ("count", "every"), [(40, 10), pytest.param(300, 1, marks=pytest.mark.soak)], ids=["small", "soak"]
)
def test_a_power_cut_takes_nothing_that_was_committed(
    recorded: Recorded, count: int, every: int, tmp_path: Path
) -> None:
    for number, events in cuts(recorded, count):
        disk = recorded.recorder.disk_at(events)
        for seed, style in enumerate(STYLES):
            image = Site(tmp_path / "image", recorded.site.inputs)
            disk.write(image.folder, Cut(number * len(STYLES) + seed, style))
            again = number % every == 0 and seed == number // every % len(STYLES)
            check(recorded, events, image, again=again)
            shutil.rmtree(image.folder)
