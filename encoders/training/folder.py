"""A trained encoder on disk: an ordinary encoder directory with a file that says where it came from."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from encore.encoders.files import find_files, quiet_transformers
from encore.encoders.transformer import Encoder
from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.storage import make_folder, sync_folder, sync_tree

PROVENANCE_FILE = "provenance.json"
KEPT_FILES = (
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "sentence_*_config.json",
)
"""Files that are copied from the source encoder: the tokenizer's, and the settings of a sentence encoder."""


def require_free(out: Path) -> None:
    """Raise UsageError unless a new directory can be made under this name. A job calls this before it starts."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out}: is there already; give a new directory for the encoder, or remove it")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A directory to write into. At the end it is synced to the disk and renamed to ``out``.

    So a reader never finds a half-written encoder.

    Raises:
        UsageError: something is there already.
        StoreError: it cannot be written.
    """
    require_free(out)
    try:
        make_folder(out.parent)
        beside = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        try:
            folder = beside / out.name
            folder.mkdir()
            yield folder
            sync_tree(folder)
            folder.rename(out)
            sync_folder(out.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"{out}: cannot be written: {error.strerror or error}") from error


def write_encoder(encoder: Encoder, folder: Path, provenance: Mapping[str, Any]) -> None:
    """Write a trained encoder: settings, safetensors weights, tokenizer, provenance.

    Args:
        encoder: the trained encoder. The tokenizer's files are copied from where it was loaded.
        folder: an empty directory.
        provenance: JSON: what it was trained from, on and how.
    """
    source = find_files(encoder.spec.source).folder
    with quiet_transformers():
        encoder.model.save_pretrained(folder)  # type: ignore[operator]
    kept = sorted({path for pattern in KEPT_FILES for path in source.glob(pattern) if path.is_file()})
    for path in kept:
        shutil.copyfile(path, folder / path.name)
    text = json.dumps(dict(provenance), indent=1, allow_nan=False)
    (folder / PROVENANCE_FILE).write_text(f"{text}\n", encoding="utf-8")
