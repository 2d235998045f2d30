"""The directory of a head: written all at once, read whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path

from featurestore.errors import StoreError, UsageError

HEAD_FILE = "head.json"
WEIGHTS_FILE = "weights.safetensors"


def replace_folder(directory: str | PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write files to a directory so that nobody ever finds some of the old ones beside some of the new.

    They are written to a folder beside it, which then takes its name. Two renames replace a folder that is there; a
    kill between them leaves the old one beside it, under a hidden name.

    Raises:
        UsageError: something is there that is not a head's directory.
        StoreError: it cannot be written.
    """
    target = Path(directory).expanduser().absolute()
    _refuse_foreign(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            made = beside / "new"
            made.mkdir()
            for name, content in files.items():
                (made / name).write_bytes(content)
            if target.exists():
                target.rename(beside / "old")
            try:
                made.rename(target)
            except BaseException:
                if (beside / "old").exists():
                    (beside / "old").rename(target)
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {error.strerror or error}") from error


def read_folder(directory: str | PathLike[str]) -> tuple[str, dict[str, bytes]]:
    """Name of a head's directory, and name → content of its files that are there.

    Raises:
        UsageError: no such directory, or one without any file of a head.
        StoreError: it cannot be read.
    """
    name = fspath(directory)
    folder = Path(directory).expanduser()
    if not folder.is_dir():
        raise UsageError(f"{name}: no such directory; a head is a directory that encore train wrote")
    try:
        files = {file: (folder / file).read_bytes() for file in (HEAD_FILE, WEIGHTS_FILE) if (folder / file).is_file()}
    except OSError as error:
        raise StoreError(f"{name}: cannot be read: {error.strerror or error}") from error
    if not files:
        raise UsageError(f"{name}: not a head: no {HEAD_FILE} in it")
    return name.rstrip("/"), files


def _refuse_foreign(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target}: is a file; give a directory for the head")
    foreign = sorted(path.name for path in target.iterdir() if path.name not in (HEAD_FILE, WEIGHTS_FILE))
    if foreign:
        raise UsageError(
            f"{target}: holds {', '.join(foreign[:5])}, which no head has; give a directory for the head alone"
        )
