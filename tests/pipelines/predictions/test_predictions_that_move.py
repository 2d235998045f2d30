"""Predictions that are read while backfills publish the next version and a vacuum removes the last one's files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from encore.featurestore import Catalogue, StoreError, UsageError
from encore.pipelines.head_registry.head_predictions import read_predictions
from encore.pipelines.predictions import JobWork, PredictionFile, PredictionsFolder
from encore.pipelines.predictions import folder as module
from encore.pipelines.predictions.sources import SourceFile, carry_over
from encore.pipelines.removal.orphans import find_orphans, remove_orphans
from tests.featurestore.building import put, spec_of

HEAD = "topic@0123456789ab"


@pytest.fixture
def folder(tmp_path: Path) -> PredictionsFolder:
    store = Catalogue.create(str(tmp_path / "store"), spec_of())
    predictions = PredictionsFolder.create(str(tmp_path / "predictions"), store, probabilities=False)
    publish(predictions, "1", "2")
    return predictions


def path_of(segment: str, head: str = HEAD) -> str:
    return f"head={head}/{segment * 32}-all-{segment * 16}.parquet"


def publish(predictions: PredictionsFolder, *segments: str, head: str = HEAD) -> None:
    """Publish as a backfill does for a store of these segments. Each has one document, whose id is its name."""
    made = []
    for segment in segments:
        label = pa.array(["a"]).dictionary_encode()
        table = pa.table({"doc_id": [segment], "label": label, "score": pa.array([1.0], pa.float32())})
        size = predictions.write_file(path_of(segment, head), table)
        made.append(PredictionFile(head, segment * 32, None, path_of(segment, head), 1, size, 1, "fingerprint"))
    live = [segment * 32 for segment in segments]
    predictions.publish(JobWork([head], 1, live, made, predictions.files(), lambda: live))


def replace_all(predictions: PredictionsFolder, *segments: str) -> None:
    """The next version, and a vacuum without an age limit."""
    publish(predictions, *segments)
    remove_orphans(predictions, find_orphans(predictions, datetime.now(UTC) + timedelta(days=1)), "vacuum")


def before_a_file_is_read(patch: pytest.MonkeyPatch, *events: Callable[[], object]) -> None:
    """Run these events, one a version, each before the first file of that version is read."""
    left, seen = list(events), set()
    real = PredictionsFolder._read_version

    def then(self: PredictionsFolder, head: str | None, manifest: module.Manifest) -> tuple[str, pa.Table]:
        listed = PredictionsFolder.files(self, manifest)
        if left and manifest.version not in seen:
            seen.add(manifest.version)
            left.pop(0)()
        patch.setattr(PredictionsFolder, "files", lambda *_: listed)
        try:
            return real(self, head, manifest)
        finally:
            patch.setattr(PredictionsFolder, "files", files)

    files = PredictionsFolder.files
    patch.setattr(PredictionsFolder, "_read_version", then)


def read(predictions: PredictionsFolder, head: str | None = "topic") -> list[str]:
    return sorted(read_predictions(predictions.objects.uri, head).table["doc_id"].to_pylist())


def test_a_reader_goes_on_with_the_version_that_it_began_with(
    folder: PredictionsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_a_file_is_read(monkeypatch, lambda: publish(folder, "3"))
    assert read(folder) == ["1", "2"]


def test_a_reader_whose_files_a_vacuum_removes_reads_the_newest_version(
    folder: PredictionsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_a_file_is_read(monkeypatch, lambda: replace_all(folder, "3"))
    assert read(folder) == ["3"]


def test_a_reader_looks_once_more_and_then_says_what_is_lost(
    folder: PredictionsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_a_file_is_read(monkeypatch, lambda: replace_all(folder, "3"), lambda: replace_all(folder, "4"))
    with pytest.raises(StoreError, match=rf"{path_of('3')}: missing"):
        read(folder)
    assert read(folder) == ["4"]


def test_a_file_that_the_newest_version_lists_and_is_lost_is_named_with_what_to_do(folder: PredictionsFolder) -> None:
    folder.objects.delete([path_of("2")])
    with pytest.raises(StoreError, match=rf"{path_of('2')}: missing; run encore backfill with this head and --check"):
        read(folder)


def test_a_listed_file_that_is_damaged_is_named_with_what_to_do(folder: PredictionsFolder) -> None:
    folder.objects.put(path_of("2"), bytes(folder.objects.size(path_of("2")) or 0))
    with pytest.raises(
        StoreError, match=rf"{path_of('2')}: damaged: .*; run encore backfill with this head and --check"
    ):
        read(folder)


@pytest.mark.parametrize("head", ["topic", HEAD, None])
def test_a_head_whose_last_file_goes_while_it_is_read_has_no_predictions(
    folder: PredictionsFolder, monkeypatch: pytest.MonkeyPatch, head: str | None
) -> None:
    before_a_file_is_read(monkeypatch, lambda: replace_all(folder))
    with pytest.raises(UsageError, match="lists no predictions yet"):
        read(folder, head)


def test_one_look_answers_for_the_head_and_for_its_files(
    folder: PredictionsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look would find no file of a head that the first one had seen."""
    latest = folder.log.latest
    looks = []

    def looking(self: object) -> module.Manifest:
        looks.append(self)
        return latest()

    monkeypatch.setattr(module.VersionLog, "latest", looking)
    assert read(folder, None) == ["1", "2"]
    assert len(looks) == 1


def test_which_head_is_meant_is_asked_of_the_version_that_is_read(folder: PredictionsFolder) -> None:
    publish(folder, "1", head="tone@0123456789ab")
    assert read(folder, "tone") == ["1"]
    with pytest.raises(UsageError, match="name one head; heads there: tone@0123456789ab, topic@"):
        read(folder, None)
    with pytest.raises(UsageError, match="no head 'other'; heads there"):
        read(folder, "other")


def test_what_a_vacuum_has_removed_is_scored_and_not_carried_over(folder: PredictionsFolder, tmp_path: Path) -> None:
    store = put(Catalogue.open(str(tmp_path / "store")), {"a": "1"})
    gone = PredictionFile(HEAD, "9" * 32, None, path_of("9"), 1, 1, 1, "fingerprint")
    assert carry_over(store, folder, store.entries[0], gone, ()) is None
    source = SourceFile(path_of("9"), 1, "9" * 32, None, None)
    assert carry_over(store, folder, store.entries[0], None, (source,)) is None
