"""A listed file that is missing or damaged is scored again, and never said to be unchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from encore.featurestore import Catalogue, Change, StoreError, commit
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.storage.objects import Objects
from encore.pipelines.predictions.presence import files_of, sound_files
from encore.pipelines.predictions.sources import carry_over
from tests.deep_parquet import deep_parquet
from tests.limited import exit_code_of
from tests.pipelines.predictions.building import Folder, flip_inside, rewrite, zero
from tests.templates import copied


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Folder.build(tmp_path_factory.mktemp("template"))
    folder.head("mood", seed=7)
    folder.backfill("tone", "mood")
    return folder.root


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Folder:
    return Folder(copied(template, tmp_path))


def lost(folder: Folder, task: str = "tone", number: int = 1) -> Path:
    """The file of a segment: five documents."""
    segment = folder.store.entries[number].segment
    (file,) = (file for file in folder.files if file.segment == segment and file.head.startswith(f"{task}@"))
    return folder.path(file)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "shorter": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "zeros": zero,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_the_next_backfill_scores_it_again(folder: Folder, damage: Callable[[Path], object]) -> None:
    before = folder.answers()
    damage(lost(folder))
    with pytest.raises(StoreError, match=r"run encore backfill with this head and --check, which scores it again"):
        folder.answers()
    assert folder.counts("tone", "mood") == {"scored": 5}
    assert folder.answers() == before
    assert folder.counts("tone", "mood") == {}


def test_another_head_that_is_not_named_is_left_alone(folder: Folder) -> None:
    lost(folder, "mood").unlink()
    assert folder.counts("tone") == {}
    assert folder.counts("mood") == {"scored": 5}


def test_damage_inside_is_found_by_a_check(folder: Folder) -> None:
    before, version = folder.answers(), folder.predictions.log.latest().version
    flip_inside(lost(folder))
    assert folder.counts("tone", "mood") == {}
    assert folder.counts("tone", "mood", check=True) == {"scored": 5, "checked": 21}
    assert folder.answers() == before
    assert folder.predictions.log.latest().version == version + 1


def test_a_check_of_what_is_sound_changes_nothing(folder: Folder) -> None:
    files, there = folder.files, folder.there()
    report = folder.backfill("tone", "mood", check=True)
    assert (report.document["documents"]["checked"], report.document["committed"]) == (26, False)
    assert (report.document["bytes"], folder.files, folder.there()) == (0, files, there)


def hide(folder: Folder) -> None:
    """One document of the second segment."""
    store = folder.store
    commit(store, Change(store.version, "delete", dropped={store.entries[1].segment: np.array([2])}))


@pytest.mark.parametrize("damage", [flip_inside, zero, Path.unlink], ids=["a flipped bit", "zeros", "missing"])
def test_what_is_carried_over_from_a_damaged_file_is_scored(folder: Folder, damage: Callable[[Path], object]) -> None:
    before = folder.answers()
    damage(lost(folder))
    hide(folder)
    assert folder.counts("tone", "mood") == {"scored": 4, "carried": 4}
    assert folder.answers() == {name: it for name, it in before.items() if name != "b2"}


@pytest.mark.parametrize("damage", [flip_inside, zero, Path.unlink], ids=["a flipped bit", "zeros", "missing"])
def test_a_compacted_segment_with_a_damaged_source_is_scored(folder: Folder, damage: Callable[[Path], object]) -> None:
    before = folder.answers()
    damage(lost(folder))
    compact(folder.store)
    assert folder.counts("tone", "mood") == {"scored": 13, "carried": 13}
    # Documents that are scored in other company than before have the same probabilities up to rounding.
    after = folder.answers()
    assert {name: label for name, (label, _) in after.items()} == {name: label for name, (label, _) in before.items()}
    assert {name: it for name, (_, it) in after.items()} == pytest.approx(
        {name: it for name, (_, it) in before.items()}
    )


def test_a_check_reads_what_a_deletion_has_outdated_once(folder: Folder) -> None:
    hide(folder)
    assert folder.counts("tone", check=True) == {"checked": 8, "carried": 4}


def test_far_away_sizes_are_compared_in_one_listing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lost(folder)
    monkeypatch.setattr(Objects, "on_disk", False)
    zero(path)
    assert folder.counts("tone", "mood") == {}
    path.write_bytes(b"")
    assert folder.counts("tone", "mood") == {"scored": 5}
    assert Catalogue.open(folder.store.uri).version == folder.store.version


def test_rows_in_another_order_are_not_carried_over(folder: Folder) -> None:
    hide(folder)
    store, path = folder.store, lost(folder)
    [older] = [file for file in folder.files if folder.path(file) == path]
    assert carry_over(store, folder.predictions, store.entries[1], older, ()) is not None
    rewrite(path, lambda table: table.take(list(range(table.num_rows))[::-1]))
    assert carry_over(store, folder.predictions, store.entries[1], older, ()) is None


def test_a_footer_that_would_end_the_process_is_not_readable(folder: Folder) -> None:
    """Types that are nested so deeply overflow the stack of a recursive reader."""
    objects, (listed, *_) = folder.predictions.objects, folder.files
    folder.path(listed).write_bytes(deep_parquet(100_000))
    damaged = replace(listed, bytes=folder.path(listed).stat().st_size, documents=0)

    def look() -> None:
        assert sound_files(objects, [damaged], files_of(objects, [listed.head])) == []

    assert exit_code_of(look) == 0
