from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encore.experiments.bench import task_bench
from encore.experiments.tradeoff.measurement.labels import LabelFiles
from encore.experiments.tradeoff.measurement.sizes import DocumentSizes
from encore.experiments.tradeoff.measurement.trials import head_key, right_of
from encore.experiments.tradeoff.run import TradeoffReport, run_tradeoff
from encore.featurestore import Catalogue, DataError, EncoreError, UsageError
from encore.featurestore.segments.records import SegmentRecord, record_path
from encore.heads import TrainSettings, read_labels, train_head
from tests.experiments.tradeoff.building import DOCUMENTS, request, silent


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for each head that is trained."""
    calls: list[int] = []

    def train(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        return train_head(*arguments, **named)

    monkeypatch.setattr(task_bench, "train_head", train)
    return calls


def test_every_setting_has_a_point_in_every_panel(report: TradeoffReport) -> None:
    assert report.measured == 2 * 8 * 2
    assert {point.panel for point in report.points} == {"three", "two", "mean of tasks"}
    assert len(report.points) == 3 * 8
    for point in report.points:
        low, high = point.accuracy_interval
        assert low <= point.accuracy.mean <= high
        assert point.loss.mean >= 0
    assert report.recommendation.chosen is not None


def test_a_second_run_trains_nothing_and_finds_the_same(
    folder: Path, report: TradeoffReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch)
    again = run_tradeoff(replace(report.request, max_loss=30.0), silent)
    assert (calls, again.measured) == ([], 0)
    assert again.points == report.points
    assert again.recommendation.max_loss == 30.0


def test_a_wider_grid_trains_only_what_is_new(
    folder: Path, report: TradeoffReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch)
    run_tradeoff(request(folder, report.request.out, ("two",), positions=("tokens",), seeds=3), silent)
    assert len(calls) == 4


def test_other_labels_under_the_same_name_are_trained_again(
    folder: Path, report: TradeoffReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch)
    other = replace(
        request(folder, report.request.out, layers=("last",), positions=("mean",), quantizers=("float16",)),
        labels=(LabelFiles("two", f"{folder}/two-train.csv"),),
    )
    run_tradeoff(other, silent)
    assert len(calls) == 2


def test_a_folder_of_other_results_is_refused(folder: Path, report: TradeoffReport) -> None:
    with pytest.raises(UsageError, match="name another --out"):
        run_tradeoff(request(folder, report.request.out, epochs=2), silent)


def test_a_cell_is_what_training_on_the_derived_features_gives(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_bench, "DERIVE_BYTES", 1000)
    asked = request(
        folder, tmp_path, ("three",), layers=("mean:2",), positions=("mean",), quantizers=("uint8",), seeds=1
    )
    found = run_tradeoff(asked, silent)
    store = Catalogue.open(str(folder / "rich"))
    spec = found.trials.spec_of(found.grid[0])
    assert spec is not None
    train, dev = (read_labels(f"{folder}/three-{part}.csv") for part in ("train", "dev"))
    floats = {}
    for part, labels in (("train", train), ("dev", dev)):
        block = store.gather(labels.doc_ids)
        layers = block.packed[:, 1:].astype(np.float32).mean(axis=1)
        floats[part] = np.add.reduceat(layers, block.offsets[:-1]) / block.lengths[:, None]
    sample = np.concatenate([floats["train"], floats["dev"]])
    scale = np.array(spec.quantizer.to_dict()["scale"])
    assert scale == pytest.approx((max(sample.max(), 0) - min(sample.min(), 0)) / 255, rel=1e-3)
    derived = found.grid[0].derivation(store.spec)
    exact = replace(derived, target=spec)
    blocks = [exact.apply(store.gather(labels.doc_ids))[0] for labels in (train, dev)]
    head = train_head(
        blocks[0],
        train.codes(train.classes),
        spec,
        train.classes,
        dev=blocks[1],
        dev_codes=dev.codes(train.classes),
        settings=TrainSettings(epochs=1),
    )
    cell = found.trials.heads.get(head_key(found.tasks[0], found.grid[0], 0))
    assert cell is not None
    assert head.evaluation is not None
    assert cell["accuracy"] == head.evaluation.accuracy == right_of(cell).mean()


def test_losses_are_paired_with_the_most_accurate_setting(report: TradeoffReport) -> None:
    for panel in ("three", "two"):
        points = [point for point in report.points if point.panel == panel]
        best = max(point.accuracy.mean for point in points)
        for point in points:
            assert point.loss.mean == pytest.approx(best - point.accuracy.mean)


def test_sizes_are_what_the_store_measures(folder: Path, report: TradeoffReport) -> None:
    store = Catalogue.open(str(folder / "rich"))
    (entry,) = store.entries
    data = store.objects.get(record_path(entry.segment))
    objects = SegmentRecord.from_bytes(data, "").objects
    rest = sum(stored.size for stored in objects if not stored.path.startswith("features"))
    sizes = DocumentSizes.measure(store)
    assert (sizes.documents, sizes.rows) == (DOCUMENTS, entry.rows / DOCUMENTS)
    assert sizes.index_bytes == pytest.approx(rest / DOCUMENTS)
    assert sizes.payload(store.spec) * DOCUMENTS == pytest.approx(entry.payload_bytes)
    for point in report.points:
        rows = sizes.rows if point.setting.positions == "tokens" else 1
        width = 32 if point.setting.quantizer == "float16" else 16
        assert point.size.bytes_per_document == pytest.approx(rows * width + rest / DOCUMENTS)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ("d0,a\nd1,a\nd2,a\n", DataError, "a head needs two classes"),
        ("x0,a\nx1,b\n", DataError, "are its labelled documents stored"),
        ("d0,a\nd0,b\n", DataError, "more than one label"),
        ("d0,a\nd1,b\nd2,a\nd3,b\n", EncoreError, "leaves dev empty"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_before_any_work(
    folder: Path, tmp_path: Path, rows: str, error: type[Exception], message: str
) -> None:
    (tmp_path / "labels.csv").write_text("doc_id,label\n" + rows)
    asked = replace(request(folder, tmp_path / "out"), labels=(LabelFiles("t", str(tmp_path / "labels.csv")),))
    with pytest.raises(error, match=message):
        run_tradeoff(asked, silent)
    assert not (tmp_path / "out").exists()


def test_dev_classes_without_training_documents_are_refused(folder: Path, tmp_path: Path) -> None:
    asked = replace(
        request(folder, tmp_path / "out"),
        labels=(LabelFiles("t", f"{folder}/two-train.csv", f"{folder}/three-dev.csv"),),
    )
    with pytest.raises(DataError, match="classes class 2 have no document to train on"):
        run_tradeoff(asked, silent)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"layers": ("mean:7",)}, "the encoder has 6 layers"),
        ({"layers": ("mean:4",)}, "the source needs stack:4"),
        ({"epochs": 0}, "epochs 0"),
        ({"queries": 0}, "queries 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_work(
    folder: Path, tmp_path: Path, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run_tradeoff(request(folder, tmp_path / "out", **asked), silent)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "asked", [{"seeds": 0}, {"workers": 0}, {"max_bytes": 0.0}, {"max_loss": -1.0}, {"documents": 0}]
)
def test_numbers_out_of_range_are_refused(folder: Path, tmp_path: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        request(folder, tmp_path, **asked)


def test_a_task_named_twice_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="task two is named twice"):
        run_tradeoff(request(folder, tmp_path / "out", ("two", "two")), silent)


def test_heads_whose_accuracy_still_rose_are_counted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("encore.heads.training.trainer.still_rising", lambda *_: True)
    found = run_tradeoff(request(folder, tmp_path / "out", ("two",), positions=("mean",)), silent)
    assert found.still_rising == (8, 8)
