from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from encore.cli.main import run
from encore.cli.printing.store.vacuum import number_ranges
from encore.featurestore import Catalogue
from encore.featurestore.format.tombstones import is_emptied
from encore.featurestore.history.tags import add_tag
from encore.featurestore.rewriting.deletion import delete
from tests.featurestore.building import put, spec_of


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    store = Catalogue.create(str(tmp_path / "store"), spec_of())
    for text in ("first", "second", "third"):
        store = put(store, {"a": text})
    return store


def test_by_default_nothing_of_the_last_week_goes(store: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    there = set(store.objects.walk())
    assert run(["vacuum", "--store", store.uri]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["kept     3 snapshots: 1 to 3", "removed  nothing"]
    assert set(store.objects.walk()) == there


def test_it_removes_and_says_what(store: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    add_tag(store.objects, "paper", 1)
    before = len(list(store.objects.walk()))
    assert run(["vacuum", "--store", store.uri, "--older-than", "0", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kept_snapshots"] == [1, 3, 4]
    removed = sum(kind["objects"] for kind in said["removed"].values())
    # Two objects are new: the snapshot that changes nothing, and the tombstone of the removed snapshot.
    assert before - removed + 2 == len(list(store.objects.walk()))
    assert said["removed"]["manifests"]["objects"] == 1
    assert Catalogue.open(store.uri).digest() == store.digest()


def test_a_dry_run_names_every_object(store: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    there = {path for path, _ in store.objects.walk()}
    words = ["vacuum", "--store", store.uri, "--older-than", "0", "--keep-snapshots", "2"]
    assert run([*words, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "would remove  1 manifest," in out
    named = {line.strip() for line in out.splitlines() if line.startswith("  ")}
    assert {path for path, _ in store.objects.walk()} == there
    assert run(words) == 0
    assert there - {path for path, size in store.objects.walk() if not is_emptied(path, size)} == named


def test_the_help_says_what_the_age_limit_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vacuum", "--help"]) == 0
    assert "longer than the longest job" in " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_what_is_no_store_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vacuum", "--store", str(tmp_path)]) == 2
    assert "no store here" in capsys.readouterr().err


class TestForget:
    @pytest.fixture
    def words(self, store: Catalogue) -> list[str]:
        """The command for a store that had another text of ``a`` twice, and a document that was deleted."""
        delete(put(store, {"gone": "text"}), ["gone"])
        return ["vacuum", "--store", store.uri, "--forget"]

    def test_it_says_what_it_did(self, words: list[str], store: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(words) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == f"store      {store.uri} at snapshot 7, 1 document"
        assert lines[1:] == [
            "kept       2 snapshots: 6 to 7",
            "rewritten  3 segments, without 3 deleted rows",
            f"removed    5 manifests, {lines[3].partition(', ')[2]}",
            f"removed    3 completion records, {lines[4].partition(', ')[2]}",
            f"removed    18 segment objects, {lines[5].partition(', ')[2]}",
            "left       nothing of a document that is not in the newest snapshot",
        ]
        assert run(["verify", "--store", store.uri, "--deep"]) == 0

    def test_a_tag_that_holds_documents_is_exit_code_1(
        self, words: list[str], store: Catalogue, capsys: pytest.CaptureFixture[str]
    ) -> None:
        add_tag(store.objects, "paper", 2)
        assert run(words) == 1
        assert (
            f"left       tag paper holds 2 rows of documents or texts that are gone: "
            f"encore tag paper --store {store.uri} --remove, and forget again"
        ) in capsys.readouterr().out
        assert run([*words, "--json"]) == 1
        said = json.loads(capsys.readouterr().out)
        assert (said["complete"], said["held_by_tags"], said["kept_snapshots"][0]) == (False, {"paper": 2}, 2)
        assert run(["tag", "paper", "--store", store.uri, "--remove"]) == 0
        assert run(words) == 0

    def test_a_job_at_work_is_exit_code_1_and_says_when_to_come_again(
        self, words: list[str], store: Catalogue, capsys: pytest.CaptureFixture[str]
    ) -> None:
        began = datetime.now(UTC).replace(microsecond=0)
        run_id = f"{began:%Y%m%dT%H%M%SZ}-00c0ffee"
        store.objects.put(f"runs/{run_id}/started.json", b"{}")
        assert run([*words, "--older-than", "48"]) == 1
        assert (
            f"left       what was there at {began:%Y-%m-%d %H:%M} UTC or came later: {store.uri}/runs/{run_id} has not "
            f"ended; forget again when it has, or after {began + timedelta(hours=48):%Y-%m-%d %H:%M} UTC; "
            "where no job runs, at once with --older-than 0"
        ) in capsys.readouterr().out
        assert run([*words, "--older-than", "0"]) == 0

    def test_a_dry_run_names_what_goes(
        self, words: list[str], store: Catalogue, capsys: pytest.CaptureFixture[str]
    ) -> None:
        there = {path for path, _ in store.objects.walk()}
        assert run([*words, "--dry-run"]) == 0
        out = capsys.readouterr().out
        assert "kept       0 snapshots: none, and the one that this would make\n" in out
        assert "rewritten  would be 3 segments, without 3 deleted rows" in out
        named = {line.strip() for line in out.splitlines() if line.startswith("  ")}
        assert {path for path, _ in store.objects.walk()} == there
        assert run(words) == 0
        assert there - {path for path, size in store.objects.walk() if not is_emptied(path, size)} == named

    @pytest.mark.parametrize("option", [["--keep-snapshots", "3"], ["--keep-days", "1"]])
    def test_older_snapshots_cannot_be_kept(
        self, words: list[str], option: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run([*words, *option]) == 2
        assert "with --forget, only the newest snapshot and tagged ones stay" in capsys.readouterr().err

    def test_a_folder_that_holds_no_predictions_is_wrong_usage(
        self, words: list[str], store: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        there = set(store.objects.walk())
        (tmp_path / "empty").mkdir()
        assert run([*words, "--predictions", str(tmp_path / "empty")]) == 2
        assert "no predictions here" in capsys.readouterr().err
        assert run([*words, "--predictions", str(tmp_path / "nowhere")]) == 2
        assert "no such directory" in capsys.readouterr().err
        assert set(store.objects.walk()) == there

    def test_what_is_no_store_is_wrong_usage(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["vacuum", "--store", str(tmp_path), "--forget"]) == 2
        assert "no store here" in capsys.readouterr().err


def test_numbers_are_given_in_runs() -> None:
    assert number_ranges((1, 3, 4, 5, 9)) == "1, 3 to 5, 9"
    assert number_ranges(()) == "none"
