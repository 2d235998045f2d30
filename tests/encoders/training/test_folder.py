"""A trained encoder gets its name only when all of it is on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from encore.encoders.training import folder as folders
from encore.encoders.training import new_folder


def test_an_encoder_is_on_the_disk_before_it_has_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "made/encoder"
    steps: list[tuple[str, list[str] | None]] = []

    def noted(step: str, path: Path) -> None:
        steps.append((f"{step} {path.name}", [it.name for it in out.iterdir()] if out.exists() else None))

    for step in ("make_folder", "sync_tree", "sync_folder"):
        real = getattr(folders, step)
        monkeypatch.setattr(folders, step, lambda path, step=step, real=real: (noted(step, path), real(path)))
    with new_folder(out) as beside:
        (beside / "model.safetensors").write_bytes(b"weights")
    assert steps == [
        ("make_folder made", None),
        ("sync_tree encoder", None),
        ("sync_folder made", ["model.safetensors"]),
    ]
    assert [path.name for path in out.parent.iterdir()] == ["encoder"]
