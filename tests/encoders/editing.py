"""Editing the files of an encoder's folder, as a person would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file


def edit_json(file: Path, **changes: Any) -> None:
    """Change settings in a JSON file, which is made where there is none."""
    settings = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(settings | changes))


def add_weights(folder: Path, *names: str) -> None:
    """Put weights beside those of a checkpoint."""
    weights = load_file(folder / "model.safetensors") | {name: torch.zeros(3) for name in names}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
