"""Tags: names that people give to snapshots. A tagged snapshot stays readable, whatever vacuum removes."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import PurePosixPath

import pyarrow as pa

from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.format import FORMAT_VERSION, is_count, parse_json, require_version, seal, unseal
from encore.featurestore.history.versions import VersionLog
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects

TAG_NAME = re.compile(r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Not digits alone: those are the number of a snapshot."""


def read_tags(objects: Objects) -> dict[str, int]:
    """Every tag's name and the number of its snapshot, by name.

    Raises:
        StoreError: a tag is damaged.
    """
    names = tag_names(objects)
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        found = dict(zip(names, pool.map(lambda name: _read(objects, name), names), strict=True))
    # A tag that was removed since the listing is left out.
    return {name: snapshot for name, snapshot in found.items() if snapshot is not None}


def tag_names(objects: Objects) -> list[str]:
    """Names of all tags, damaged ones too, sorted."""
    return sorted(path.stem for path in map(PurePosixPath, _paths(objects)) if TAG_NAME.fullmatch(path.stem))


def add_tag(objects: Objects, name: str, snapshot: int) -> None:
    """Name a snapshot; nothing happens where it has the name already.

    Raises:
        UsageError: not a name for a tag, another snapshot's name, or no such snapshot.
    """
    _check_name(name)
    if snapshot < 1:
        raise UsageError(f"{objects.uri}: holds no snapshot yet, so there is nothing to tag; encode into it first")
    _require(objects, snapshot)
    document = {
        "format_version": FORMAT_VERSION,
        "snapshot": snapshot,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if not objects.create(tag_path(name), seal(document)):
        taken = _read(objects, name)
        if taken != snapshot:
            raise UsageError(
                f"{objects.uri}: tag {name} is at snapshot {taken}; "
                f"remove it first (encore tag {name} --remove), or take another name"
            )
    try:
        # A vacuum that read the tags before this one was written may have removed the snapshot, so it is looked for
        # again. A writer that finds the same tag there looks as well: the tag's first writer may be about to find the
        # snapshot gone.
        _require(objects, snapshot)
    except UsageError:
        objects.delete([tag_path(name)])
        raise


def remove_tag(objects: Objects, name: str) -> None:
    """Take a tag away; its snapshot stays until a vacuum.

    Raises:
        UsageError: no such tag.
    """
    _check_name(name)
    if objects.size(tag_path(name)) is None:
        raise _no_tag(objects, name)
    objects.delete([tag_path(name)])


def snapshot_number(objects: Objects, snapshot: int | str) -> int:
    """The number of a snapshot that is given by number, by its digits, or by a tag.

    Raises:
        UsageError: no such tag.
        StoreError: the tag is damaged.
    """
    if isinstance(snapshot, int):
        return snapshot
    if re.fullmatch(r"[0-9]{1,20}", snapshot):
        return int(snapshot)
    found = _read(objects, snapshot) if TAG_NAME.fullmatch(snapshot) else None
    if found is None:
        raise _no_tag(objects, snapshot)
    return found


def _read(objects: Objects, name: str) -> int | None:
    where = objects.name(tag_path(name))
    try:
        data = objects.get(tag_path(name))
        document = parse_json(data)
        version, snapshot = document["format_version"], document["snapshot"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{where}: damaged: not a tag; remove it and tag the snapshot again") from error
    require_version(version, where)
    unseal(document, data, where)
    if not is_count(snapshot) or snapshot < 1:
        raise StoreError(f"{where}: damaged: names no snapshot; remove it and tag the snapshot again")
    return int(snapshot)


def _require(objects: Objects, snapshot: int) -> None:
    """Check that a snapshot is there; UsageError where it is not."""
    VersionLog(objects, pa.schema([]), ()).at(snapshot)


def _check_name(name: str) -> None:
    if TAG_NAME.fullmatch(name) is None:
        raise UsageError(
            f"tag {name!r}: a name takes letters, digits, '.', '_' and '-', starts with a letter or a digit, "
            "is not a number, and has 100 characters at most"
        )


def _no_tag(objects: Objects, name: str) -> UsageError:
    known = ", ".join(sorted(path.removeprefix("tags/").removesuffix(".json") for path in _paths(objects))[:10])
    return UsageError(f"{objects.uri}: no tag {name!r}; " + (f"it has {known}" if known else "it has none"))


def _paths(objects: Objects) -> list[str]:
    return [path for path, _ in objects.walk("tags") if path.endswith(".json")]


def tag_path(name: str) -> str:
    """Where a tag lies."""
    return f"tags/{name}.json"
