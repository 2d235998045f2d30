from __future__ import annotations

from pathlib import Path

import pytest

from encore.experiments.bench.cells import CellStore
from encore.featurestore import StoreError, UsageError

KEY = {"task": "tone", "seed": 3}


def test_a_cell_is_found_again_by_its_key_whatever_the_order_of_its_words(tmp_path: Path) -> None:
    cells = CellStore(tmp_path / "cells", {"rows": 10})
    assert cells.get(KEY) is None
    cells.put(KEY, {"accuracy": 0.1 + 0.2})
    again = CellStore(tmp_path / "cells", {"rows": 10})
    assert again.get({"seed": 3, "task": "tone"}) == {"accuracy": 0.1 + 0.2}
    assert again.get({**KEY, "seed": 4}) is None


def test_rows_join_key_and_result_in_the_order_of_the_keys(tmp_path: Path) -> None:
    cells = CellStore(tmp_path, {})
    for seed in (2, 0, 1):
        cells.put({"seed": seed}, {"accuracy": seed / 10})
    assert cells.rows() == [{"seed": seed, "accuracy": seed / 10} for seed in (0, 1, 2)]


def test_a_folder_of_other_settings_is_refused_with_the_setting_that_differs(tmp_path: Path) -> None:
    CellStore(tmp_path, {"rows": 10, "encoder": "a"})
    with pytest.raises(UsageError, match=r"holds cells of other settings \(rows was 10, is now 20\)"):
        CellStore(tmp_path, {"rows": 20, "encoder": "a"})
    with pytest.raises(UsageError, match=r"steps was None, is now 5"):
        CellStore(tmp_path, {"rows": 10, "encoder": "a", "steps": 5})


def test_settings_are_compared_as_json_has_them(tmp_path: Path) -> None:
    CellStore(tmp_path, {"groups": ("a", "b")})
    CellStore(tmp_path, {"groups": ["a", "b"]})


def test_a_damaged_cell_is_named(tmp_path: Path) -> None:
    cells = CellStore(tmp_path, {})
    cells.put(KEY, {"accuracy": 1.0})
    path = next(path for path in tmp_path.glob("*.json") if path.name != "settings.json")
    path.write_text("{")
    with pytest.raises(StoreError, match=f"{path.name}: damaged; remove it"):
        cells.get(KEY)


def test_a_write_that_is_cut_off_leaves_no_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = CellStore(tmp_path, {})

    def cut(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(KeyboardInterrupt):
        cells.put(KEY, {"accuracy": 1.0})
    assert cells.get(KEY) is None
    assert cells.rows() == []


def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        CellStore(tmp_path, {}).put(KEY, {"accuracy": float("nan")})


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be made"):
        CellStore(tmp_path / "file" / "cells", {})
