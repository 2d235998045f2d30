"""The experiments from end to end, on a tiny encoder and two tiny tasks.

Each runs once, all of them into one folder; tests that go on from there work in a copy of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow.parquet as pq
import pytest

import encore.experiments.bench.task_bench
from encore.encoders.training import TrainingSettings
from encore.experiments.paper.all_tasks import run_all_tasks
from encore.experiments.paper.fine_tuning import FinetunePlan, run_finetune
from encore.experiments.paper.frozen_encoder import run_frozen
from encore.experiments.paper.leave_out import LeaveOutPlan, run_group_out, run_loo
from encore.experiments.paper.outcome import Outcome
from encore.experiments.paper.quantization import QuantizationGrid, run_quantization
from encore.experiments.paper.request import ExperimentRequest
from encore.experiments.training.display import SilentTraining
from encore.experiments.training.single_task import SingleTaskSettings
from encore.featurestore import UsageError
from encore.pipelines.progress import SilentDisplay
from tests.experiments.tiny_tasks import registry
from tests.models import tiny_bert
from tests.pipelines.jobs import encoder

TRAINING = TrainingSettings(steps=4, learning_rate=1e-3)
POOLINGS = ["last/cls", "last/mean", "last/mha", "average/mha", "learned/mha"]


def request(folder: Path, **more: Any) -> ExperimentRequest:
    asked = {"encoder": encoder(), "seeds": 2, "epochs": 2, "device": "cpu", **more}
    return ExperimentRequest(registry(folder), folder / "out", **asked)


def unheard(text: str) -> None:
    del text


def frozen(asked: ExperimentRequest) -> Outcome:
    return run_frozen(asked, unheard, SilentDisplay())


def loo(asked: ExperimentRequest) -> Outcome:
    return run_loo(asked, LeaveOutPlan(TRAINING), unheard, SilentDisplay(), SilentTraining())


def group_out(asked: ExperimentRequest, *groups: str) -> Outcome:
    return run_group_out(asked, LeaveOutPlan(TRAINING, groups=groups), unheard, SilentDisplay(), SilentTraining())


def all_tasks(asked: ExperimentRequest) -> Outcome:
    return run_all_tasks(asked, TRAINING, unheard, SilentDisplay(), SilentTraining())


def finetune(asked: ExperimentRequest) -> Outcome:
    plan = FinetunePlan(SingleTaskSettings(epochs=2, learning_rate=1e-3), TRAINING)
    return run_finetune(asked, plan, unheard, SilentTraining())


def quantization(asked: ExperimentRequest) -> Outcome:
    return run_quantization(
        asked, QuantizationGrid(("sign", "int2/2q", "sign/recommended"), ("after", "before")), unheard, SilentDisplay()
    )


RUNS = {
    "frozen": frozen,
    "loo": loo,
    "group-out": group_out,
    "all-tasks": all_tasks,
    "finetune": finetune,
    "quantization": quantization,
}
SETTINGS = {
    "frozen": POOLINGS,
    "loo": [*POOLINGS, "average/mha/uint8", "average/mha/sign"],
    "group-out": ["average/mha"],
    "all-tasks": ["joint/last/cls"],
    "finetune": ["plain", "loo"],
    "quantization": [
        "average/mha",
        "average/mha/sign",
        "average/mha/sign/before",
        "average/mha/int2/2q",
        "average/mha/int2/2q/before",
        "average/recommended/sign",
        "average/recommended/sign/before",
    ],
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> ExperimentRequest:
    """The request of every experiment of `finished`. Tests only read its folder."""
    return request(tmp_path_factory.mktemp("experiments"))


@pytest.fixture(scope="module")
def finished(asked: ExperimentRequest) -> Callable[[str], Outcome]:
    """The outcome of an experiment by its name: run by the first test that asks for it."""
    return cache(lambda name: RUNS[name](asked))


def copied(asked: ExperimentRequest, folder: Path, **more: Any) -> ExperimentRequest:
    """A request into a copy of a folder."""
    copytree(asked.out, folder / "out")
    return request(folder, **more)


@pytest.mark.parametrize("name", RUNS)
def test_an_experiment_measures_every_cell_once(
    asked: ExperimentRequest, finished: Callable[[str], Outcome], name: str
) -> None:
    outcome = finished(name)
    settings = SETTINGS[name]
    assert list(outcome.rows) == settings
    cells = {(cell["task"], cell["setting"], cell["seed"]) for cell in outcome.cells}
    assert cells == {(task, setting, seed) for task in ("tone", "same") for setting in settings for seed in (0, 1)}
    assert pq.read_table(outcome.parquet).num_rows == len(cells)
    assert all(row.title in outcome.report.read_text() for row in outcome.rows.values())
    files = {path: path.stat().st_mtime_ns for path in (asked.out / "cells").rglob("*.json")}
    again = RUNS[name](asked)
    assert {path: path.stat().st_mtime_ns for path in (asked.out / "cells").rglob("*.json")} == files
    assert again.rows.keys() == outcome.rows.keys()
    assert not list((asked.out / "stores").rglob("*.json"))


def test_the_recommended_head_is_one_of_pairs_where_documents_are_pairs(finished: Callable[[str], Outcome]) -> None:
    outcome = finished("quantization")
    poolings = {(cell["task"], cell["pooling"]) for cell in outcome.cells if "recommended" in cell["setting"]}
    assert poolings == {("tone", "attention"), ("same", "pair")}
    assert {cell["pooling"] for cell in outcome.cells if "/mha/" in cell["setting"]} == {"attention"}
    # One more value and output projection, and one more sum over the tokens, of a document of the one task of pairs.
    width, tokens = 32, round(outcome.rows["average/mha/sign"].tokens_per_document)
    more = outcome.flops["average/recommended/sign"] - outcome.flops["average/mha/sign"]
    assert more == pytest.approx((4 * width**2 + 2 * width * tokens) / 1e9)


def test_a_missing_cell_alone_is_measured_again_and_comes_out_the_same(
    tmp_path: Path, asked: ExperimentRequest, finished: Callable[[str], Outcome]
) -> None:
    first = finished("frozen")
    again = copied(asked, tmp_path)
    gone = next(path for path in (again.out / "cells" / "frozen").glob("*.json") if path.name != "settings.json")
    text = gone.read_text()
    gone.unlink()
    second = frozen(again)
    assert [(c["task"], c["setting"], c["seed"], c["accuracy"]) for c in second.cells] == [
        (c["task"], c["setting"], c["seed"], c["accuracy"]) for c in first.cells
    ]
    assert gone.read_text().count('"accuracy"') == text.count('"accuracy"') == 1


def test_an_interrupted_experiment_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(tmp_path, only=("tone",))
    trained: list[int] = []
    real = encore.experiments.bench.task_bench.train_head

    def counted(*arguments: Any, **more: Any) -> Any:
        if len(trained) == 7:
            raise KeyboardInterrupt
        trained.append(1)
        return real(*arguments, **more)

    monkeypatch.setattr(encore.experiments.bench.task_bench, "train_head", counted)
    with pytest.raises(KeyboardInterrupt):
        frozen(asked)
    monkeypatch.setattr(
        encore.experiments.bench.task_bench, "train_head", lambda *a, **m: trained.append(1) or real(*a, **m)
    )
    assert len(frozen(asked).cells) == 10
    assert len(trained) == 10


def test_two_experiments_may_measure_the_same_task_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(tmp_path, seeds=1, only=("tone",))
    grid = QuantizationGrid(("sign",), ("after",))
    real, others = encore.experiments.bench.task_bench.train_head, []

    def interleaved(*arguments: Any, **more: Any) -> Any:
        if not others:
            others.append("running")
            others.append(run_quantization(asked, grid, unheard, SilentDisplay()))
        return real(*arguments, **more)

    monkeypatch.setattr(encore.experiments.bench.task_bench, "train_head", interleaved)
    assert list(frozen(asked).rows) == POOLINGS
    assert len(others[1].rows) == 2


def test_the_bytes_of_a_document_are_those_of_table_2(finished: Callable[[str], Outcome]) -> None:
    by_setting = {cell["setting"]: cell for cell in finished("frozen").cells if cell["task"] == "tone"}
    tokens, width, layers = by_setting["last/mha"]["tokens_per_document"], 32, 3
    found = {name: cell["bytes_per_document"] for name, cell in by_setting.items()}
    assert found == pytest.approx(
        {
            "last/cls": 2 * width,
            "last/mean": 2 * width,
            "last/mha": 2 * width * tokens,
            "average/mha": 2 * width * tokens,
            "learned/mha": 2 * width * tokens * layers,
        }
    )


def test_flops_count_one_pass_and_a_head_for_each_task_or_a_pass_for_each_task(
    finished: Callable[[str], Outcome],
) -> None:
    tokens, width, layers, inner, heads = 7, 32, 3, 64, 1
    one_pass = layers * (2 * (4 * width**2 + 2 * width * inner) + 4 * tokens * width) * tokens
    head = 4 * heads * width * tokens + 4 * width**2
    frozen_outcome = finished("frozen")
    mean_tokens = round(frozen_outcome.rows["last/mha"].tokens_per_document)
    assert mean_tokens == tokens
    assert frozen_outcome.flops["last/cls"] == pytest.approx(one_pass / 1e9)
    assert frozen_outcome.flops["last/mha"] == pytest.approx((one_pass + 2 * head) / 1e9)
    assert finished("finetune").flops["plain"] == pytest.approx(2 * one_pass / 1e9)


def test_leave_one_out_and_leave_a_group_of_one_out_are_the_same_encoder(finished: Callable[[str], Outcome]) -> None:
    left_out = {c["task"]: c["fingerprint"] for c in finished("loo").cells if c["setting"] == "average/mha"}
    by_group = {cell["task"]: cell["fingerprint"] for cell in finished("group-out").cells}
    assert left_out == by_group
    assert left_out["tone"] != left_out["same"]


def test_another_request_into_the_same_folder_is_refused_before_any_work(
    tmp_path: Path, asked: ExperimentRequest, finished: Callable[[str], Outcome]
) -> None:
    finished("frozen")
    other = copied(asked, tmp_path, train_rows=30)
    with pytest.raises(UsageError, match="train_rows was None, is now 30"):
        frozen(other)
    with pytest.raises(UsageError, match="encoder was"):
        frozen(request(tmp_path, encoder=str(tiny_bert(tmp_path / "other", seed=5))))


@pytest.mark.parametrize(
    ("name", "folder", "part"), [("all-tasks", "all-tasks", "training"), ("finetune", "finetune-plain", "finetune")]
)
def test_cells_of_experiments_that_train_say_what_their_heads_read(
    asked: ExperimentRequest, finished: Callable[[str], Outcome], name: str, folder: str, part: str
) -> None:
    """Older versions asked for ``cls`` by name: their finished cells of an encoder that has it are found again."""
    finished(name)
    document = json.loads((asked.out / "cells" / folder / "settings.json").read_text())
    assert document[part]["position"] == "cls"


def test_an_encoder_of_another_training_is_not_taken(
    tmp_path: Path, asked: ExperimentRequest, finished: Callable[[str], Outcome]
) -> None:
    finished("loo")
    again = copied(asked, tmp_path)
    for path in (again.out / "cells" / "loo").glob("*.json"):
        path.unlink()
    plan = LeaveOutPlan(TrainingSettings(steps=5, learning_rate=1e-3))
    with pytest.raises(UsageError, match=r"holds an encoder of another training \(settings differ\)"):
        run_loo(again, plan, unheard, SilentDisplay(), SilentTraining())


def test_bad_requests_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    for more, message in (
        ({"only": ("nothing",)}, "no task nothing"),
        ({"mean_layers": 4}, "the encoder has 3 layers"),
        ({"max_length": 65}, "takes at most 64 tokens"),
        ({"seeds": 0}, "seeds 0"),
        ({"encoder": "no/such/place/at/all"}, "no such directory"),
    ):
        with pytest.raises(UsageError, match=message):
            frozen(request(tmp_path, **more))
    with pytest.raises(UsageError, match="no group XX; there are SA, PP"):
        group_out(request(tmp_path), "XX")
    with pytest.raises(UsageError, match="quantizer 'none'"):
        QuantizationGrid(("none",))
    with pytest.raises(
        UsageError, match="'sign/q': expected a quantizer, or one with a head such as sign/4q or sign/rec"
    ):
        QuantizationGrid(("sign/q",))
    with pytest.raises(UsageError, match="placement during: expected after or before"):
        QuantizationGrid(placements=("during",))
    with pytest.raises(UsageError, match="start nowhere: expected plain or loo"):
        FinetunePlan(starts=("nowhere",))
    assert not (tmp_path / "out").exists()
