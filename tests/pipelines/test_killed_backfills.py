"""Backfills that are killed at random instants: what was committed is read, and the same command completes."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from encore.pipelines.predictions import PredictionsFolder
from tests.forks import CommandForks
from tests.pipelines.jobs import encoder, texts, write_corpus

COUNT = 160


@dataclass(frozen=True)
class Backfill:
    """A folder of predictions, the command that brings it up to date, what both states answer, and what it takes."""

    template: Path
    words: tuple[str, ...]
    before: pa.Table
    after: pa.Table
    seconds: float

    def run_in(self, folder: Path) -> tuple[str, ...]:
        return (*self.words[:-2], str(folder), *self.words[-2:])


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> CommandForks:
    return CommandForks(tmp_path_factory.mktemp("forks") / "output")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, forks: CommandForks) -> Backfill:
    """A quarter of the corpus was scored; since then a text of it changed, and the other documents came."""
    folder = tmp_path_factory.mktemp("backfill")
    store, head, template, predictions = (str(folder / name) for name in ("store", "head", "template", "predictions"))
    labels = [{"doc_id": f"d{number}", "label": "odd" if number % 2 else "even"} for number in range(COUNT // 4)]
    table = write_corpus(folder / "labels.parquet", labels)
    one_worker = ("--", "--direct_num_workers=1")

    def encode(name: str, rows: list[dict[str, str]]) -> None:
        asked = ("--store", store, "--encoder", encoder(), "--device", "cpu", "--unit-rows", "8")
        forks.complete("encode", write_corpus(folder / name, rows), *asked, *one_worker)

    words = ("backfill", "--store", store, "--head", head, "--out", *one_worker)
    encode("first.parquet", texts(COUNT // 4))
    forks.complete("train", table, "--store", store, "--out", head, "--epochs", "1", "--dev-share", "0")
    forks.complete(*words[:-2], template, *one_worker)
    encode("second.parquet", [*texts(1, word="changed"), *texts(COUNT - 1, start=1)])
    shutil.copytree(template, predictions)
    ended = forks.complete(*words[:-2], predictions, *one_worker)
    return Backfill(Path(template), words, answers(template), answers(predictions), ended.seconds)


def answers(folder: Path | str) -> pa.Table:
    return PredictionsFolder.open(str(folder)).read("head").sort_by("doc_id").select(["doc_id", "label", "score"])


def kill_many(job: Backfill, forks: CommandForks, folder: Path, kills: int, seed: int) -> Counter[str]:
    random, outcomes = Random(seed), Counter[str]()
    for number in range(kills):
        shutil.copytree(job.template, folder)
        kill_after = random.uniform(0, job.seconds)
        ended = forks.run(*job.run_in(folder), kill_after=kill_after)
        where = f"seed {seed}, kill {number}, after {kill_after:.4f} s; left in {folder}"
        found = answers(folder)
        assert found.equals(job.before) or found.equals(job.after), where
        forks.complete(*job.run_in(folder))
        assert answers(folder).equals(job.after), where
        outcomes["had ended" if ended.code == 0 else "after" if found.equals(job.after) else "before the commit"] += 1
        shutil.rmtree(folder)
    return outcomes


def test_a_killed_backfill_loses_nothing_and_completes(job: Backfill, forks: CommandForks, tmp_path: Path) -> None:
    assert (job.before.num_rows, job.after.num_rows) == (COUNT // 4, COUNT)
    assert kill_many(job, forks, tmp_path / "predictions", kills=2, seed=0).total() == 2


@pytest.mark.soak
def test_fifty_kills_at_random_instants_lose_no_prediction(job: Backfill, forks: CommandForks, tmp_path: Path) -> None:
    outcomes = kill_many(job, forks, tmp_path / "predictions", kills=50, seed=1)
    print(f"backfill, {job.seconds:.2f} s undisturbed, 50 kills: {dict(outcomes)}; lost: 0")
    assert outcomes.total() == 50
