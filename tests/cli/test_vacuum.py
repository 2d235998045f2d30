from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import run
from cli.vacuum_output import numbers
from featurestore import Store
from featurestore.tags import add_tag
from tests.featurestore.building import put, spec_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(str(tmp_path / "store"), spec_of())
    for text in ("first", "second", "third"):
        store = put(store, {"a": text})
    return store


def test_by_default_nothing_of_the_last_week_goes(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    there = set(store.objects.walk())
    assert run(["vacuum", "--store", store.uri]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["kept     3 snapshots: 1 to 3", "removed  nothing"]
    assert set(store.objects.walk()) == there


def test_it_removes_and_says_what(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    add_tag(store.objects, "paper", 1)
    before = len(list(store.objects.walk()))
    assert run(["vacuum", "--store", store.uri, "--older-than", "0", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kept_snapshots"] == [1, 3]
    removed = sum(kind["objects"] for kind in said["removed"].values())
    assert before - removed == len(list(store.objects.walk()))
    assert said["removed"]["manifests"]["objects"] == 1
    assert Store.open(store.uri).digest() == store.digest()


def test_a_dry_run_names_every_object(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    there = {path for path, _ in store.objects.walk()}
    words = ["vacuum", "--store", store.uri, "--older-than", "0", "--keep-snapshots", "2"]
    assert run([*words, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "would remove  1 manifest," in out
    named = {line.strip() for line in out.splitlines() if line.startswith("  ")}
    assert {path for path, _ in store.objects.walk()} == there
    assert run(words) == 0
    assert there - {path for path, _ in store.objects.walk()} == named


def test_the_help_says_what_the_age_limit_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vacuum", "--help"]) == 0
    assert "longer than the longest job" in " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_what_is_no_store_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vacuum", "--store", str(tmp_path)]) == 2
    assert "no store here" in capsys.readouterr().err


def testnumbers_are_given_in_runs() -> None:
    assert numbers((1, 3, 4, 5, 9)) == "1, 3 to 5, 9"
    assert numbers(()) == "none"
