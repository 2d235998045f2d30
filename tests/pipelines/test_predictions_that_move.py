"""Predictions that are read while backfills publish the next version and remove the last one's files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from featurestore import Store, StoreError, UsageError
from pipelines.carried_predictions import SourceFile, carried
from pipelines.predicted import read_predictions
from pipelines.predictions import PredictionFile, Predictions
from pipelines.predictions import folder as module
from tests.featurestore.building import put, spec_of

HEAD = "topic@0123456789ab"


@pytest.fixture
def folder(tmp_path: Path) -> Predictions:
    store = Store.create(str(tmp_path / "store"), spec_of())
    predictions = Predictions.create(str(tmp_path / "predictions"), store, probabilities=False)
    publish(predictions, "s1", "s2")
    return predictions


def publish(predictions: Predictions, *segments: str, head: str = HEAD) -> None:
    """As a backfill of a store of these segments does, each of one document of its name."""
    made = []
    for segment in segments:
        path = f"head={head}/{segment}-all.parquet"
        table = pa.table({"doc_id": [segment], "label": ["a"], "score": pa.array([1.0], pa.float32())})
        size = predictions.write_file(path, table)
        made.append(PredictionFile(head, segment, None, path, 1, size, 1, "fingerprint"))
    predictions.publish([head], segments, made)


def before_a_file_is_read(patch: pytest.MonkeyPatch, *events: Callable[[], object]) -> None:
    """Have each of these happen before the first file of a version is read, one a version."""
    left, seen = list(events), set()
    real = Predictions._read_version

    def then(self: Predictions, head: str | None, manifest: module.Manifest) -> tuple[str, pa.Table]:
        listed = Predictions.files(self, manifest)
        if left and manifest.version not in seen:
            seen.add(manifest.version)
            left.pop(0)()
        patch.setattr(Predictions, "files", lambda *_: listed)
        try:
            return real(self, head, manifest)
        finally:
            patch.setattr(Predictions, "files", files)

    files = Predictions.files
    patch.setattr(Predictions, "_read_version", then)


def read(predictions: Predictions, head: str | None = "topic") -> list[str]:
    return sorted(read_predictions(predictions.objects.uri, head)[1]["doc_id"].to_pylist())


def test_a_reader_whose_files_a_backfill_removes_reads_the_next_version(
    folder: Predictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_a_file_is_read(monkeypatch, lambda: publish(folder, "s3"))
    assert read(folder) == ["s3"]


def test_a_reader_follows_one_version_after_another(folder: Predictions, monkeypatch: pytest.MonkeyPatch) -> None:
    before_a_file_is_read(monkeypatch, *(lambda n=n: publish(folder, f"s{n}") for n in range(3, 7)))
    assert read(folder) == ["s6"]


def test_a_reader_that_is_always_too_late_says_so(folder: Predictions, monkeypatch: pytest.MonkeyPatch) -> None:
    before_a_file_is_read(monkeypatch, *(lambda n=n: publish(folder, f"s{n}") for n in range(3, 40)))
    with pytest.raises(StoreError, match="other jobs published 10 versions meanwhile; run again"):
        read(folder)


def test_a_file_that_the_newest_version_lists_and_is_lost_is_named(folder: Predictions) -> None:
    lost = f"head={HEAD}/s2-all.parquet"
    folder.objects.delete([lost])
    with pytest.raises(StoreError, match=rf"{lost}: missing; run the backfill again with another --out"):
        read(folder)


def test_a_file_that_was_removed_under_its_reader_is_not_read_again_where_it_is_lost(
    folder: Predictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def next_version_without_its_file() -> None:
        publish(folder, "s3")
        folder.objects.delete([f"head={HEAD}/s3-all.parquet"])

    before_a_file_is_read(monkeypatch, next_version_without_its_file)
    with pytest.raises(StoreError, match=r"s3-all\.parquet: missing"):
        read(folder)


@pytest.mark.parametrize("head", ["topic", HEAD, None])
def test_a_head_whose_last_file_goes_while_it_is_read_has_no_predictions(
    folder: Predictions, monkeypatch: pytest.MonkeyPatch, head: str | None
) -> None:
    before_a_file_is_read(monkeypatch, lambda: publish(folder))
    with pytest.raises(UsageError, match="lists no predictions yet"):
        read(folder, head)


def test_one_look_answers_for_the_head_and_for_its_files(folder: Predictions, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look would find no file of a head that the first one had seen."""
    latest = folder.log.latest
    looks = []

    def looking(self: object) -> module.Manifest:
        looks.append(self)
        return latest()

    monkeypatch.setattr(module.VersionLog, "latest", looking)
    assert read(folder, None) == ["s1", "s2"]
    assert len(looks) == 1


def test_which_head_is_meant_is_asked_of_the_version_that_is_read(folder: Predictions) -> None:
    publish(folder, "s1", head="tone@0123456789ab")
    assert read(folder, "tone") == ["s1"]
    with pytest.raises(UsageError, match="name the head with --head; heads there: tone@0123456789ab, topic@"):
        read(folder, None)
    with pytest.raises(UsageError, match="no head 'other'; heads there"):
        read(folder, "other")


def test_what_another_backfill_has_removed_is_scored_and_not_carried_over(folder: Predictions, tmp_path: Path) -> None:
    store = put(Store.open(str(tmp_path / "store")), {"a": "1"})
    assert carried(store, folder, store.entries[0], f"head={HEAD}/gone.parquet", ()) is None
    source = SourceFile(f"head={HEAD}/gone.parquet", 1, "s0", None, None)
    assert carried(store, folder, store.entries[0], None, (source,)) is None
