from __future__ import annotations

import json
from pathlib import Path

import pytest

from encore.cli.main import run
from encore.featurestore import Catalogue
from encore.featurestore.storage import Objects
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.runs import RunFolder
from tests.pipelines.jobs import run_encode, texts, write_corpus


def test_it_lists_what_is_at_work_and_what_has_ended_on_a_narrow_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    store = str(tmp_path / "store")
    report = run_encode(store, write_corpus(tmp_path / "a.parquet", texts(4)))
    folder = RunFolder.start(Objects.open(store))
    folder.begin("encode", 1)
    folder.put_worker("far-17-a", {"beat": 2, "units": {"12": "x", "3": "x"}, "memory": 725_000_000})
    assert run(["runs", "--store", store]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{report.document['run']} encode exit code 0 1 – 0:00:0" in printed
    assert f"{folder.run_id} encode at work 0 1 0:00:0" in printed
    assert f"far-17-a {folder.run_id} 3, 12 725 MB" in printed
    assert run(["runs", "--store", store, "--json", "--limit", "1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [found["run"] for found in document["runs"]] == [folder.run_id]
    assert document["runs"][0]["state"] == "at work"


def test_it_lists_the_runs_of_a_folder_of_predictions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", texts(4)))
    folder = PredictionsFolder.create(
        str(tmp_path / "said"), Catalogue.open(str(tmp_path / "store")), probabilities=False
    )
    at_work = RunFolder.start(folder.objects)
    at_work.begin("backfill", 1)
    assert run(["runs", "--store", str(tmp_path / "said"), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert (found["run"], found["job"], found["state"]) == (at_work.run_id, "backfill", "at work")


def test_what_is_neither_store_nor_predictions_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "--store", str(tmp_path)]) == 2
    assert "store" in capsys.readouterr().err
