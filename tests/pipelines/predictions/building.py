"""A small store, heads with random weights, and the predictions folder that backfills of them keep."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from encore.featurestore import Catalogue
from encore.heads import Head
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.predictions import JobWork, PredictionFile, PredictionsFolder
from encore.pipelines.runs.report import JobReport
from tests.featurestore.building import put, spec_of
from tests.heads.building import head_of
from tests.pipelines.jobs import ONE_WORKER


@dataclass(frozen=True)
class Folder:
    """A store of two segments, one head or more, and their predictions, all below one local folder."""

    root: Path

    @classmethod
    def build(cls, root: Path) -> Folder:
        folder = cls(root)
        store = Catalogue.create(str(root / "store"), spec_of())
        put(put(store, texts("a", 8)), texts("b", 5))
        folder.head("tone")
        return folder

    @property
    def store(self) -> Catalogue:
        return Catalogue.open(str(self.root / "store"))

    @property
    def predictions(self) -> PredictionsFolder:
        return PredictionsFolder.open(str(self.root / "out"))

    @property
    def files(self) -> list[PredictionFile]:
        return self.predictions.files()

    def head(self, task: str, seed: int = 0) -> Head:
        head = head_of(self.store.spec, "mean", task=task, seed=seed)
        head.save(self.root / task)
        return head

    def backfill(self, *tasks: str, **request: object) -> JobReport:
        heads = tuple(str(self.root / task) for task in tasks or ("tone",))
        asked = BackfillRequest(self.store.uri, heads, str(self.root / "out"), **{"device": "cpu", **request})  # type: ignore[arg-type]
        return backfill(asked, beam_options=ONE_WORKER)

    def counts(self, *tasks: str, **request: object) -> dict[str, int]:
        """Run a backfill that succeeds; its counts, without those that are 0."""
        report = self.backfill(*tasks, **request)
        assert report.document["failures"] == {}
        counted = report.document["documents"]
        return {name: counted[name] for name in ("scored", "carried", "adopted", "checked") if counted[name]}

    def answers(self, task: str = "tone") -> dict[str, tuple[str, float]]:
        table = self.predictions.read(task)
        rows = table.select(["doc_id", "label", "score"]).to_pylist()
        found = {row["doc_id"]: (row["label"], row["score"]) for row in rows}
        assert len(found) == len(rows)
        return found

    def path(self, file: PredictionFile) -> Path:
        return self.root / "out" / file.path

    def there(self) -> set[str]:
        """Prediction files that lie in the folder."""
        return {path.relative_to(self.root / "out").as_posix() for path in (self.root / "out").glob("head=*/*")}

    def unlist(self) -> None:
        """Leave the folder as a run does that ended before it listed its files."""
        for name in ("manifests", "lists"):
            for path in (self.root / "out" / name).iterdir():
                path.unlink()


def texts(prefix: str, count: int) -> dict[str, str]:
    """Documents ``<prefix>0`` and so on."""
    return {f"{prefix}{number}": f"text {prefix} {number}" for number in range(count)}


def zero(path: Path) -> None:
    """Overwrite a file with zeros of the same size."""
    path.write_bytes(bytes(path.stat().st_size))


def flip_inside(path: Path) -> None:
    """Flip one bit that only a checksum shows: the size, the footer, the rows and the ids stay the same."""
    whole, sound = path.read_bytes(), pq.read_table(path, partitioning=None)
    for offset in range(4, len(whole)):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
        try:
            found = pq.read_table(path, partitioning=None)
        except (pa.ArrowException, OSError):
            continue
        others = found.schema == sound.schema and found.drop_columns(["score"]).equals(sound.drop_columns(["score"]))
        scores = found["score"].to_numpy() if others else np.array([np.nan])
        if np.isfinite(scores).all() and not found["score"].equals(sound["score"]):
            return
    raise AssertionError("every flipped bit shows without a checksum")


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write other rows into a file, which stays sound."""
    pq.write_table(change(pq.read_table(path, partitioning=None)), path, write_page_checksum=True)


def listing(
    predictions: PredictionsFolder,
    made: Collection[PredictionFile],
    live: Collection[str],
    *heads: str,
    snapshot: int = 1,
) -> JobWork:
    """The work of a job, while no other job publishes."""
    return JobWork(heads, snapshot, live, list(made), predictions.files(), lambda: live)
