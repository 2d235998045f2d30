"""Checking the files that an encoder's files name: they must lie in its folder, and weights must be safetensors.

A file in the folder may be a link. In the hub's cache each file is a link to a blob elsewhere. A link is safe:
``NAME.safetensors`` is always read as safetensors, which holds numbers and no code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from encore.encoders.files.json_objects import read_object
from encore.encoders.files.sources import EncoderFiles

WEIGHTS_FILE = "model.safetensors"
WEIGHTS_INDEX_FILE = "model.safetensors.index.json"
WEIGHTS_ENDING = ".safetensors"

VERSIONED_FILES = {"config.json": "configuration_files", "tokenizer_config.json": "fast_tokenizer_files"}
"""File → its setting that names other files, which some versions of transformers read in its place."""

DISTRIBUTED = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors")
"""Names of the parts of a distributed training's checkpoint. transformers prefers these to all other weights."""


def check_names(files: EncoderFiles) -> None:
    """Raise UsageError where settings name a replacement file that is outside of the encoder's folder."""
    for file, setting in VERSIONED_FILES.items():
        named = (read_object(files, file) or {}).get(setting)
        if named is not None:
            _require_plain(files, f"{file}: {setting}", named if isinstance(named, list) else [named])


def weight_files(files: EncoderFiles) -> list[Path]:
    """The safetensors files in this folder that transformers will read as the encoder's weights.

    Raises:
        UsageError: there are none; transformers would read another kind of file; or an index names a file that is not
            in the folder.
    """
    torn = sorted(path.name for path in files.folder.iterdir() if DISTRIBUTED.match(path.name))
    if torn:
        raise files.refusal(
            f"{torn[0]} is a part of a distributed training's checkpoint; load it once where"
            " it was trained, save_pretrained it, and give that folder"
        )
    if (files.folder / WEIGHTS_FILE).is_file():
        return [files.folder / WEIGHTS_FILE]
    index = read_object(files, WEIGHTS_INDEX_FILE)
    if index is None:
        raise files.refusal(
            f"no {WEIGHTS_FILE} there; pickled weights are never loaded,"
            " so load them once where you trust them and save_pretrained them again"
        )
    places = index.get("weight_map")
    if not isinstance(places, dict) or not places:
        raise files.refusal(f"its {WEIGHTS_INDEX_FILE} has no weight_map; fetch the encoder again")
    _require_plain(files, WEIGHTS_INDEX_FILE, places.values(), WEIGHTS_ENDING)
    found = [files.folder / name for name in sorted(set(places.values()))]
    for path in found:
        if not path.is_file():
            raise files.refusal(f"no {path.name} there, which its {WEIGHTS_INDEX_FILE} names")
    return found


def _require_plain(files: EncoderFiles, where: str, names: Iterable[object], ending: str = "") -> None:
    for name in names:
        # Accept both kinds of separators: the folder may come from Windows.
        if isinstance(name, str) and name.endswith(ending) and name not in ("", ".", "..") and _is_plain(name):
            continue
        kind = f"names of {ending} files" if ending else "names of files"
        raise files.refusal(f"its {where} names {name!r}; only {kind} beside it are read")


def _is_plain(name: str) -> bool:
    return "\0" not in name and PurePosixPath(name).name == name and PureWindowsPath(name).name == name
