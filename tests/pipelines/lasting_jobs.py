"""Jobs that keep a store, predictions and a head, what they promise, and whether an image of the disk holds it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from encore.featurestore import Catalogue
from encore.featurestore.commits.presence import is_whole
from encore.featurestore.format.tombstones import object_state
from encore.featurestore.history.versions import VersionLog, manifest_path
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments.records import SegmentRecord
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from encore.heads import Head, Labels, TrainSettings
from encore.heads.training.store import TrainRequest, train_from_store
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.predictions import PredictionsFolder
from tests.pipelines.jobs import ONE_WORKER, run_encode, texts, write_corpus

COUNT = 24

Mark = Callable[..., None]
"""A callback for each new promise: its kind, and its details."""


@dataclass(frozen=True)
class Site:
    """A store, predictions and a head below one folder, and the jobs that keep them.

    Attributes:
        folder: the folder that the power cut hits.
        inputs: corpora, which the power cut does not hit.
        encoder: the encoder's folder.
    """

    folder: Path
    inputs: Path
    encoder: str

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
        """Name → job. Each job may be run again."""
        return {
            "encode": lambda: self.encode("first.parquet"),
            "encode more": lambda: self.encode("second.parquet"),
            "delete": lambda: delete(Catalogue.open(str(self.store)), ["d1", "d9"]),
            "train": lambda: self.train(epochs=1),
            "backfill": self.backfill,
            "compact": lambda: compact(Catalogue.open(str(self.store))),
            "backfill again": self.backfill,
            "vacuum": lambda: vacuum(Objects.open(str(self.store)), age_limit=timedelta(0)),
            "train again": lambda: self.train(epochs=2),
        }

    def write_inputs(self) -> None:
        write_corpus(self.inputs / "first.parquet", texts(COUNT))
        write_corpus(self.inputs / "second.parquet", [*texts(2, word="changed"), *texts(COUNT + 6, start=2)])

    def encode(self, corpus: str) -> None:
        spec = {"layers": "mean:2", "quantizer": "sign", "unit_rows": 10}
        run_encode(self.store, str(self.inputs / corpus), encoder=self.encoder, **spec)

    def train(self, epochs: int) -> None:
        rows = {"doc_id": [f"d{i}" for i in range(COUNT)], "label": ["even", "odd"] * (COUNT // 2)}
        labels = Labels.from_table(pa.table(rows), "doc_id", "label", "labels")
        request = TrainRequest("topic", labels, dev_share=0, settings=TrainSettings(epochs=epochs))
        train_from_store(Catalogue.open(str(self.store)), request).head.save(self.head)

    def backfill(self) -> None:
        request = BackfillRequest(str(self.store), (str(self.head),), str(self.predictions), device="cpu")
        backfill(request, beam_options=ONE_WORKER)

    def state(self) -> dict[str, Any]:
        """What the store, the predictions and the head say; None for what is not there yet."""
        store = Catalogue.open(str(self.store)) if (self.store / "store.json").exists() else None
        head = Head.load(self.head).digest if self.head.exists() else None
        listed = (self.predictions / "manifests").exists()
        return {
            "documents": None if store is None else store.digest(),
            "head": head,
            "predictions": self.answers() if listed else None,
        }

    def answers(self) -> dict[str, list[tuple[str, str, float]]]:
        """Head → id, label and score of each document, by the newest predictions."""
        predictions, found = PredictionsFolder.open(str(self.predictions)), {}
        for head in predictions.heads():
            table = predictions.read(head).sort_by("doc_id")
            columns = (table[name].to_pylist() for name in ("doc_id", "label", "score"))
            found[head] = list(zip(*columns, strict=True))
        return found


@dataclass
class Promise:
    """What was promised at some moment.

    Attributes:
        job: the latest to have begun.
        done: whether it has ended.
        snapshots: version of the store → its manifest, for each whose publication had returned.
        files: the same of the predictions.
        heads: digests of heads; one of these heads is there.
    """

    job: str = ""
    done: bool = False
    snapshots: dict[int, str] = field(default_factory=dict)
    files: dict[int, str] = field(default_factory=dict)
    heads: list[str | None] = field(default_factory=lambda: [None])

    def happen(self, kind: str, *what: Any) -> None:
        """Take a mark."""
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


@dataclass(frozen=True)
class Expectation:
    """What holds in every run of the jobs.

    Attributes:
        states: job → what `Site.state` says after it.
        retired: versions of the store that the vacuum takes.
    """

    states: dict[str, dict[str, Any]]
    retired: frozenset[int]

    def check(self, promised: Promise, image: Site, *, again: bool) -> None:
        """See that an image of the disk holds what was promised; ``again`` has the job at work run once more."""
        jobs = list(image.jobs)
        snapshots = promised.snapshots
        if promised.job in jobs[jobs.index("vacuum") :]:
            snapshots = {version: it for version, it in snapshots.items() if version not in self.retired}
        if snapshots:
            verified = verify(Objects.open(str(image.store)), deep=True)
            assert verified.findings == ()
            assert snapshots.keys() <= set(verified.snapshots)
            for version, manifest in snapshots.items():
                assert (image.store / manifest_path(version)).read_text() == manifest
        require_whole_segments(image.store)
        if promised.files:
            newest = max(promised.files)
            assert (image.predictions / manifest_path(newest)).read_text() == promised.files[newest]
            assert image.answers() in [state["predictions"] for state in self.states.values()]
        if promised.heads != [None]:
            held = Head.load(image.head).digest if image.head.exists() else None
            assert held in promised.heads
        if again:
            image.jobs[promised.job]()
            assert image.state() == self.states[promised.job]
            assert verify(Objects.open(str(image.store)), deep=True).findings == ()


def require_whole_segments(store: Path) -> None:
    """See that each completion record has its objects, and each tombstone that holds one: it may be put back."""
    for path in store.glob("segments/*.json"):
        objects = Objects.open(str(store))
        found = object_state(objects, f"segments/{path.name}")
        if found is not None and found.content is not None:
            assert is_whole(objects, SegmentRecord.from_bytes(found.content, path.name)), path.name


@contextmanager
def promises(mark: Mark) -> Iterator[None]:
    """Have each publication and each head marked when it returns, in this process."""
    publish, save = VersionLog.publish, Head.save

    def published(log: VersionLog, *args: Any, **options: Any) -> Any:
        manifest = publish(log, *args, **options)
        if manifest is not None:
            content = log.objects.get(manifest_path(manifest.version)).decode()
            mark("published", Path(log.objects.uri).name, manifest.version, content)
        return manifest

    def saved(head: Head, directory: Any) -> None:
        mark("saving", head.digest)
        save(head, directory)
        mark("saved")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VersionLog, "publish", published)
        patch.setattr(Head, "save", saved)
        yield


def main(folder: str, inputs: str, encoder: str, rounds: int) -> None:
    """Run the jobs again and again, each round in a folder of its own, and print what is promised as it comes."""

    def mark(*what: Any) -> None:
        print(json.dumps(what), flush=True)

    with promises(mark):
        for number in range(rounds):
            site = Site(Path(folder, f"{number}"), Path(inputs), encoder)
            for name, job in site.jobs.items():
                mark("begin", name, number)
                job()
                mark("end", name)


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
