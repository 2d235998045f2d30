"""Finished cells of an experiment, one small file each. A finished cell is never measured again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from encore.featurestore import StoreError, UsageError
from encore.featurestore.storage import whole_file

CELL_SETTINGS_FILE = "settings.json"


class CellStore:
    """Results by key, in a folder that belongs to one experiment with one set of settings.

    A cell is written whole or not at all. Several processes may share a folder: measuring a cell twice gives the same
    cell.

    Args:
        folder: the folder; it is made if it does not exist.
        settings: everything that all cells have in common; JSON.

    Raises:
        UsageError: the folder holds cells of other settings, or cannot be made.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.settings = json.loads(_canonical(settings))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder}: cannot be made: {error.strerror or error}") from error
        path = folder / CELL_SETTINGS_FILE
        if not path.exists():
            _write(path, self.settings)
            return
        there = _read(path)
        if there != self.settings:
            names = sorted(set(there) | set(self.settings))
            name = next(name for name in names if there.get(name) != self.settings.get(name))
            raise UsageError(
                f"{folder}: holds cells of other settings ({name} was {_short(there.get(name))}, is now "
                f"{_short(self.settings.get(name))}); name another --out, or ask for the same as before"
            )

    def get(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """The result for this key; None where it has not been measured."""
        path = self._path(key)
        return _read(path)["result"] if path.exists() else None

    def put(self, key: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Keep a result."""
        _write(self._path(key), {"key": dict(key), "result": dict(result)})

    def rows(self) -> list[dict[str, Any]]:
        """One mapping for each cell, with its key and its result, in the order of the keys."""
        paths = (path for path in self.folder.glob("*.json") if path.name != CELL_SETTINGS_FILE)
        cells = sorted((_read(path) for path in paths), key=lambda cell: _canonical(cell["key"]))
        return [{**cell["key"], **cell["result"]} for cell in cells]

    def _path(self, key: Mapping[str, Any]) -> Path:
        return self.folder / f"{hashlib.sha256(_canonical(key).encode()).hexdigest()[:24]}.json"


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StoreError(f"{path}: damaged; remove it, and the experiment measures its cell again") from error
    return document


def _write(path: Path, document: Mapping[str, Any]) -> None:
    with whole_file(path) as file:
        file.write((json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
