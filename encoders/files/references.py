"""Files of an encoder's folder that its own files name: inside of it, and weights as safetensors alone.

A file there may be a link, as in the cache of the hub, where each is one to a blob elsewhere: whatever is behind
``NAME.safetensors`` is read as safetensors, which holds numbers and no code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from encore.encoders.files.json_objects import read_object
from encore.encoders.files.sources import EncoderFiles

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
ENDING = ".safetensors"

VERSIONS = {"config.json": "configuration_files", "tokenizer_config.json": "fast_tokenizer_files"}
"""Files, and the setting by which each names others that versions of transformers are to read in its place."""

DISTRIBUTED = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors")
"""Parts of a distributed training's checkpoint, which transformers takes before any other weights."""


def check_names(files: EncoderFiles) -> None:
    """Raise UsageError where settings name a file outside of the encoder's folder to be read instead of them."""
    for file, setting in VERSIONS.items():
        named = (read_object(files, file) or {}).get(setting)
        if named is not None:
            _require_plain(files, f"{file}: {setting}", named if isinstance(named, list) else [named])


def weight_files(files: EncoderFiles) -> list[Path]:
    """The safetensors of this folder that transformers will find, and nothing else, as the encoder's weights.

    Raises:
        UsageError: there are none, or an index names another kind of file, or one that is not in the folder.
    """
    torn = sorted(path.name for path in files.folder.iterdir() if DISTRIBUTED.match(path.name))
    if torn:
        raise files.refusal(
            f"{torn[0]} is a part of a distributed training's checkpoint; load it once where"
            " it was trained, save_pretrained it, and give that folder"
        )
    if (files.folder / WEIGHTS_FILE).is_file():
        return [files.folder / WEIGHTS_FILE]
    index = read_object(files, INDEX_FILE)
    if index is None:
        raise files.refusal(
            f"no {WEIGHTS_FILE} there; pickled weights are never loaded,"
            " so load them once where you trust them and save_pretrained them again"
        )
    places = index.get("weight_map")
    if not isinstance(places, dict) or not places:
        raise files.refusal(f"its {INDEX_FILE} has no weight_map; fetch the encoder again")
    _require_plain(files, INDEX_FILE, places.values(), ENDING)
    found = [files.folder / name for name in sorted(set(places.values()))]
    for path in found:
        if not path.is_file():
            raise files.refusal(f"no {path.name} there, which its {INDEX_FILE} names")
    return found


def _require_plain(files: EncoderFiles, where: str, names: Iterable[object], ending: str = "") -> None:
    for name in names:
        # A path of either kind: a folder that was packed on Windows is read here.
        if isinstance(name, str) and name.endswith(ending) and name not in ("", ".", "..") and _is_plain(name):
            continue
        kind = f"names of {ending} files" if ending else "names of files"
        raise files.refusal(f"its {where} names {name!r}; only {kind} beside it are read")


def _is_plain(name: str) -> bool:
    return "\0" not in name and PurePosixPath(name).name == name and PureWindowsPath(name).name == name
