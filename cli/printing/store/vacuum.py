"""What `encore vacuum` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from encore.cli.printing.tables import print_json, print_pairs
from encore.featurestore.common import counted, human_bytes
from encore.featurestore.removal import Vacuum
from encore.featurestore.storage import Listed

if TYPE_CHECKING:
    from encore.pipelines.removal import FolderVacuum


def print_vacuum(uri: str, done: Vacuum, folders: Sequence[FolderVacuum] = (), *, dry_run: bool, as_json: bool) -> None:
    """What was removed, by kind; where nothing was yet, every object by name as well."""
    paths = [stored.path for found in done.removed.values() for stored in found]
    paths += [f"{it.uri}/{stored.path}" for it in folders for found in it.removed.values() for stored in found]
    paths += [str(path) for it in folders for path in it.staged]
    listed = paths if dry_run else []
    if as_json:
        of_folders = {"predictions": [it.to_dict() for it in folders]} if folders else {}
        names = {"objects": listed} if dry_run else {}
        print_json({"store": uri, "dry_run": dry_run, **done.to_dict(), **of_folders, **names})
        return
    verb = "would remove" if dry_run else "removed"
    kept = f"{counted(len(done.kept), 'snapshot')}: {numbers(done.kept)}"
    lines = [("store", uri), ("kept", kept), *_removed(verb, done.removed)]
    for it in folders:
        unfinished = [(verb, counted(len(it.staged), "unfinished file"))] if it.staged else []
        lines += [("predictions", it.uri), *_removed(verb, it.removed, unfinished)]
    print_pairs([*lines, *(("", path) for path in listed)])


def _removed(
    verb: str, kinds: Mapping[str, Sequence[Listed]], more: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, str]]:
    lines = [
        (verb, f"{counted(len(found), kind.removesuffix('s'))}, {human_bytes(sum(stored.size for stored in found))}")
        for kind, found in kinds.items()
        if found
    ]
    return [*lines, *more] or [(verb, "nothing")]


def numbers(kept: tuple[int, ...]) -> str:
    """Ascending numbers, with runs in short: 3, 7 to 12."""
    runs: list[list[int]] = []
    for number in kept:
        if runs and runs[-1][-1] == number - 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in runs) or "none"
