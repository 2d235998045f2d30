"""Files that an interrupted run left are adopted if their content matches their name, and scored again if not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from encore.featurestore.storage.objects import Objects
from encore.pipelines.predictions.files import new_path
from encore.pipelines.removal.orphans import find_orphans, remove_orphans
from encore.pipelines.runs import job_run
from tests.pipelines.predictions.building import Folder, flip_inside, rewrite, zero
from tests.templates import copied


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything was scored, and nothing of it listed."""
    folder = Folder.build(tmp_path_factory.mktemp("template"))
    folder.backfill()
    folder.unlist()
    return folder.root


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Folder:
    return Folder(copied(template, tmp_path))


def of_segment(folder: Folder, number: int) -> Path:
    segment = folder.store.entries[number].segment
    (path,) = (folder.root / "out").glob(f"head=*/{segment}-*")
    return path


def column(name: str, values: Callable[[pa.Table], pa.Array]) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.column_names.index(name), name, values(table))


def test_what_holds_is_adopted_and_nothing_is_scored(folder: Folder) -> None:
    assert folder.counts() == {"adopted": 13}
    assert len(folder.answers()) == 13


DAMAGE: dict[str, Callable[[Path], None]] = {
    "zeros": zero,
    "a flipped bit": flip_inside,
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "empty": lambda path: path.write_bytes(b""),
    "not Parquet": lambda path: path.write_bytes(b"doc_id,label,score\n"),
    "other ids": lambda path: rewrite(
        path, column("doc_id", lambda t: pc.binary_join_element_wise(t["doc_id"], "x", ""))
    ),
    "another order": lambda path: rewrite(path, lambda table: table.take(list(range(table.num_rows))[::-1])),
    "a row less": lambda path: rewrite(path, lambda table: table.slice(1)),
    "no scores": lambda path: rewrite(path, lambda table: table.drop_columns(["score"])),
    "scores that are not finite": lambda path: rewrite(
        path, column("score", lambda t: pa.array(np.full(t.num_rows, np.nan, np.float32)))
    ),
    "scores of another type": lambda path: rewrite(path, column("score", lambda t: t["score"].cast(pa.float64()))),
    "labels of another head": lambda path: rewrite(
        path, column("label", lambda t: pa.array(["unheard of"] * t.num_rows).dictionary_encode())
    ),
    "a null": lambda path: rewrite(path, column("score", lambda t: pa.nulls(t.num_rows, pa.float32()))),
    "more than was asked for": lambda path: rewrite(path, lambda t: t.append_column("more", t["score"])),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_what_does_not_hold_is_scored_again_and_left_where_it_is(
    folder: Folder, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = of_segment(folder, 1)
    damage(path)
    left = path.read_bytes()
    assert folder.counts() == {"scored": 5, "adopted": 8}
    assert path.read_bytes() == left
    fresh = Folder(tmp_path / "fresh")
    (tmp_path / "fresh").mkdir()
    for name in ("store", "tone"):
        (tmp_path / "fresh" / name).symlink_to(tmp_path / name)
    fresh.backfill()
    assert folder.answers() == fresh.answers()
    assert folder.counts() == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda t: pa.array([row[:-1] for row in t["probabilities"].to_pylist()], pa.list_(pa.float32())),
        lambda t: pa.array([[np.inf] * 3] * t.num_rows, pa.list_(pa.float32())),
    ],
    ids=["of another width", "not finite"],
)
def test_probabilities_are_looked_at_as_well(tmp_path: Path, change: Callable[[pa.Table], pa.Array]) -> None:
    folder = Folder.build(tmp_path)
    folder.backfill(probabilities=True)
    folder.unlist()
    rewrite(of_segment(folder, 1), column("probabilities", change))
    assert folder.counts(probabilities=True) == {"scored": 5, "adopted": 8}


def test_files_without_probabilities_are_no_files_with_them(folder: Folder) -> None:
    data = of_segment(folder, 0).read_bytes()
    objects = Objects.open(str(folder.root / "with"), make=True)
    objects.put(
        new_path(folder.head("tone").task + of_segment(folder, 0).parent.name[9:], folder.store.entries[0]), data
    )
    (folder.root / "out").rename(folder.root / "without")
    (folder.root / "with").rename(folder.root / "out")
    assert folder.counts(probabilities=True) == {"scored": 13}


def test_of_several_files_the_one_that_holds_is_adopted(folder: Folder) -> None:
    path = of_segment(folder, 1)
    zeros = path.with_name(path.name.rpartition("-")[0] + "-" + "0" * 16 + ".parquet")
    zeros.write_bytes(bytes(900))
    assert folder.counts() == {"adopted": 13}


def test_one_head_adopts_what_another_scores(folder: Folder) -> None:
    folder.head("mood", seed=7)
    assert folder.counts("tone", "mood") == {"scored": 13, "adopted": 13}


def test_each_head_is_listed_once_for_all_of_its_segments(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    size, entries = Objects.size, Objects._entries

    def sizing(self: Objects, path: str) -> int | None:
        asked.append(path)
        return size(self, path)

    def looking(self: Objects, prefix: str) -> object:
        asked.append(prefix)
        return entries(self, prefix)

    monkeypatch.setattr(Objects, "size", sizing)
    monkeypatch.setattr(Objects, "_entries", looking)
    monkeypatch.setattr("encore.pipelines.runs.job_run.run_to_end", lambda *_: None)
    folder.backfill()
    assert sum(path.startswith("head=") for path in asked) == 1


def test_what_a_vacuum_takes_after_the_plan_is_scored(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    run_to_end = job_run.run_to_end

    def late(*words: object) -> object:
        sweep = find_orphans(folder.predictions, datetime.now(UTC) + timedelta(days=1))
        assert len(remove_orphans(folder.predictions, sweep, "vacuum")) == 2
        return run_to_end(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(job_run, "run_to_end", late)
    assert folder.counts() == {"scored": 13}
