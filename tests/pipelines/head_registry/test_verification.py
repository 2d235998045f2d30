"""Everything that is wrong with a predictions folder is found, with what to do; doing it makes the folder clean."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from encore.cli.main import run
from encore.featurestore import Change, UsageError, commit
from encore.featurestore.verification.findings import Finding
from encore.pipelines.head_registry import verification
from encore.pipelines.head_registry.verification import FolderVerification, verify_folder
from encore.pipelines.predictions.files import file_table
from tests.featurestore.building import put
from tests.pipelines.predictions.building import Folder, flip_inside, rewrite, texts, zero
from tests.templates import copied


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Folder.build(tmp_path_factory.mktemp("template"))
    folder.backfill()
    return folder.root


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Folder:
    return Folder(copied(template, tmp_path))


def look(folder: Folder) -> FolderVerification:
    return verify_folder(folder.store, str(folder.root / "out"))


def finding(folder: Folder) -> Finding:
    [found] = look(folder).findings
    return found


def test_a_sound_folder_is_clean(folder: Folder) -> None:
    found = look(folder)
    assert found.findings == ()
    assert (found.version, found.heads, found.files, found.unlisted) == (1, 1, 2, 0)
    paths = [folder.root / "out" / name for name in ("predictions.json",)]
    paths += [path for name in ("manifests", "lists", "head=*") for path in (folder.root / "out").glob(f"{name}/*")]
    assert (found.objects, found.bytes) == (len(paths), sum(path.stat().st_size for path in paths))


def test_it_is_clean_after_deletions_and_growth_whether_or_not_a_backfill_followed(folder: Folder) -> None:
    store = folder.store
    commit(store, Change(store.version, "delete", dropped={store.entries[1].segment: np.array([2])}))
    put(folder.store, texts("c", 3))
    assert look(folder).findings == ()
    folder.backfill()
    found = look(folder)
    assert (found.findings, found.files, found.unlisted) == ((), 3, 1)


def test_a_folder_that_lists_nothing_yet_is_clean(folder: Folder) -> None:
    folder.unlist()
    found = look(folder)
    assert (found.findings, found.version, found.unlisted) == ((), 0, 2)


def without_a_row(table: pa.Table) -> pa.Table:
    return table.slice(1)


def other_ids(table: pa.Table) -> pa.Table:
    return table.set_column(0, "doc_id", pc.binary_join_element_wise(table["doc_id"], "x", ""))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "missing"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, listed with"),
    "zeros": (zero, "damaged: "),
    "a flipped bit": (flip_inside, "damaged: "),
}


@pytest.mark.parametrize(("damage", "problem"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_listed_file_that_is_lost_is_found_and_the_advice_mends_it(
    folder: Folder, damage: Callable[[Path], object], problem: str
) -> None:
    path = folder.path(folder.files[0])
    damage(path)
    found = finding(folder)
    assert (found.object, found.action) == (
        str(path), "run encore backfill with this head and --check, which scores it again",
    )  # fmt: skip
    assert problem in found.problem
    assert folder.counts(check=True) == {"scored": 8, "checked": 5}
    assert look(folder).findings == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without_a_row, "damaged: 7 rows, expected 8"),
        (other_ids, "holds other ids than the live ones of its segment"),
        (lambda table: table.take(list(range(8))[::-1]), "holds other ids than the live ones of its segment"),
        (
            lambda table: table.set_column(1, "label", pa.array(["x"] * 8).dictionary_encode()),
            "damaged: holds labels that are no class of its head",
        ),
    ],
    ids=["a row less", "other ids", "another order", "labels of another head"],
)
def test_a_listed_file_that_holds_something_else_is_found(
    folder: Folder, change: Callable[[pa.Table], pa.Table], problem: str
) -> None:
    """The list gives the new size of the file, as if somebody had mixed up files."""
    file = folder.files[0]
    rewrite(folder.path(file), change)
    log = folder.predictions.log
    row = replace(file, bytes=folder.path(file).stat().st_size)
    assert log.publish(log.latest(), "backfill", {}, file_table([row])) is not None
    assert finding(folder).problem == problem
    assert folder.counts(check=True)["scored"] == 8
    assert look(folder).findings == ()


def test_ids_under_an_older_vector_are_compared_while_the_store_has_it(folder: Folder) -> None:
    store = folder.store
    first = commit(store, Change(store.version, "delete", dropped={store.entries[1].segment: np.array([2])}))
    folder.backfill()
    commit(first, Change(first.version, "delete", dropped={store.entries[1].segment: np.array([3])}))
    assert look(folder).findings == ()
    [vector] = {file.deletions for file in folder.files} - {None}
    (folder.root / "store" / "deletions" / str(vector)).unlink()
    assert look(folder).findings == ()


@pytest.mark.parametrize("name", ["head.json", "weights.safetensors"])
def test_a_damaged_copy_of_a_head_is_found_and_the_next_backfill_mends_it(folder: Folder, name: str) -> None:
    [copy] = (folder.root / "out" / "heads").iterdir()
    zero(copy / name)
    found = finding(folder)
    assert found.object == str(copy)
    assert found.problem.startswith(f"{name}: damaged: ")
    assert found.action == "run encore backfill with this head again, which writes it anew"
    assert folder.counts() == {}
    assert look(folder).findings == ()


def test_a_damaged_list_is_found(folder: Folder) -> None:
    [path] = (folder.root / "out" / "lists").iterdir()
    zero(path)
    found = finding(folder)
    assert (found.object, found.problem) == (str(path), "damaged: its bytes are not those that its name says")
    assert (
        found.action
        == "run encore repair, or restore it from a copy of the store, or run encore backfill into another folder"
    )


def test_a_list_that_names_other_files_is_found(folder: Folder) -> None:
    log = folder.predictions.log
    row = replace(folder.files[0], path="link/thesis.parquet")
    assert log.publish(log.latest(), "backfill", {}, file_table([row])) is not None
    assert finding(folder).problem.startswith("damaged: names 'link/thesis.parquet', which is no prediction file of ")


def test_a_damaged_manifest_is_found(folder: Folder) -> None:
    [path] = (folder.root / "out" / "manifests").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    assert finding(folder).object == str(path)


def test_a_manifest_that_counts_something_else_is_found(folder: Folder) -> None:
    log = folder.predictions.log
    assert log.publish(log.latest(), "vacuum", {"files": 9}, file_table([])) is not None
    assert finding(folder).problem == "counts other files than its lists name"


def test_a_damaged_document_is_found(folder: Folder) -> None:
    zero(folder.root / "out" / "predictions.json")
    found = finding(folder)
    assert found.object.endswith("predictions.json")
    assert found.problem.startswith("damaged: ")


def test_another_stores_folder_is_wrong_usage(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Folder.build(tmp_path / "other")
    with pytest.raises(UsageError, match="predictions for another store"):
        verify_folder(other.store, str(folder.root / "out"))


def test_what_is_replaced_and_vacuumed_while_it_is_read_is_no_finding(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, done = verification._check_head, []

    def moving(*words: object) -> object:
        if not done:
            done.append(1)
            put(folder.store, texts("c", 3))
            folder.backfill()
            folder.path(old).unlink()
            folder.backfill()
        return real(*words)  # type: ignore[arg-type]

    old = folder.files[0]
    monkeypatch.setattr(verification, "_check_head", moving)
    found = look(folder)
    assert (found.findings, found.version, found.files) == ((), 3, 3)


class TestCommand:
    def words(self, folder: Folder) -> list[str]:
        return ["verify", "--store", folder.store.uri, "--predictions", str(folder.root / "out")]

    def test_a_clean_folder_is_one_line(self, folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(self.words(folder)) == 0
        store, predictions = capsys.readouterr().out.splitlines()
        assert store.startswith("clean: 2 snapshots, 2 segments, ")
        assert predictions.startswith("clean: predictions, version 1, 1 head, 2 files; ")
        assert predictions.endswith(" read")

    def test_findings_are_named_and_the_exit_code_is_1(
        self, folder: Folder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = folder.path(folder.files[0])
        path.unlink()
        assert run(self.words(folder)) == 1
        _, name, problem, action, summary = capsys.readouterr().out.splitlines()
        assert (name, problem) == (str(path), "  missing")
        assert action == "  run encore backfill with this head and --check, which scores it again"
        assert summary.startswith("1 finding: predictions, version 1, 1 head, 2 files; ")

    def test_json_says_all_of_it(self, folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
        path = folder.path(folder.files[0])
        path.unlink()
        assert run([*self.words(folder), *self.words(folder)[3:], "--json"]) == 1
        said = json.loads(capsys.readouterr().out)
        assert said["findings"] == []
        assert [it["findings"][0]["object"] for it in said["predictions"]] == [str(path)] * 2
        assert said["predictions"][0] | {"objects": 0, "bytes": 0, "findings": []} == {
            "folder": str(folder.root / "out"),
            "version": 1,
            "heads": 1,
            "files": 2,
            "objects": 0,
            "bytes": 0,
            "unlisted": 0,
            "findings": [],
        }

    def test_a_check_by_the_command_mends_what_is_damaged_inside(
        self, folder: Folder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        flip_inside(folder.path(folder.files[0]))
        assert run(self.words(folder)) == 1
        backfill = ["backfill", "--store", folder.store.uri, "--head", str(folder.root / "tone"), "--out"]
        assert run([*backfill, str(folder.root / "out"), "--device", "cpu"]) == 0
        assert run(self.words(folder)) == 1
        capsys.readouterr()
        assert run([*backfill, str(folder.root / "out"), "--device", "cpu", "--check"]) == 0
        assert "checked      5 listed predictions, sound" in capsys.readouterr().out
        assert run(self.words(folder)) == 0
