"""What `encore vacuum` prints, and what it prints with --forget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from encore.cli.printing.tables import print_json, print_pairs
from encore.featurestore.common import counted, human_bytes

if TYPE_CHECKING:
    from encore.featurestore.removal import ForgetReport, Vacuum
    from encore.featurestore.storage import ListedObject
    from encore.pipelines.removal import FolderForgetting, FolderVacuum, Forgetting


def print_vacuum(uri: str, done: Vacuum, folders: Sequence[FolderVacuum] = (), *, dry_run: bool, as_json: bool) -> None:
    """Print what was removed, by kind. In a dry run, also list every object."""
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
    kept = f"{counted(len(done.kept), 'snapshot')}: {number_ranges(done.kept)}"
    lines = [("store", uri), ("kept", kept), *_removed(verb, done.removed)]
    for it in folders:
        unfinished = [(verb, counted(len(it.staged), "unfinished file"))] if it.staged else []
        lines += [("predictions", it.uri), *_removed(verb, it.removed, unfinished)]
    print_pairs([*lines, *(("", path) for path in listed)])


def _removed(
    verb: str, kinds: Mapping[str, Sequence[ListedObject]], more: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, str]]:
    lines = [
        (verb, f"{counted(len(found), kind.removesuffix('s'))}, {human_bytes(sum(stored.size for stored in found))}")
        for kind, found in kinds.items()
        if found
    ]
    return [*lines, *more] or [(verb, "nothing")]


def print_forgetting(done: Forgetting, *, age_limit: timedelta, dry_run: bool, as_json: bool) -> None:
    """Print what was forgotten, and what is left and why. In a dry run, also list every object."""
    paths = _forgotten_paths(done) if dry_run else []
    if as_json:
        document = {"store": done.store.uri, "dry_run": dry_run, **done.to_dict()}
        print_json({**document, **({"objects": paths} if dry_run else {})})
        return
    print_pairs(
        [
            *_forgotten(done, dry_run=dry_run),
            *_still_held(done, age_limit, dry_run=dry_run),
            *(("", path) for path in paths),
        ]
    )


def _forgotten(done: Forgetting, *, dry_run: bool) -> Iterator[tuple[str, object]]:
    would = "would be " if dry_run else ""
    kept = done.removal.kept
    yield "store", f"{done.store.uri} at snapshot {done.store.version}, {counted(len(done.store), 'document')}"
    more = ", and the one that this would make" if done.store.version not in kept and done.store.version else ""
    yield "kept", f"{counted(len(kept), 'snapshot')}: {number_ranges(kept)}{more}"
    if done.compaction.replaced:
        segments, rows = counted(done.compaction.replaced, "segment"), counted(done.compaction.deleted, "deleted row")
        yield "rewritten", f"{would}{segments}, without {rows}"
    for kind, found in done.removal.removed.items():
        if found:
            yield (
                "removed",
                f"{would}{counted(len(found), kind.removesuffix('s'))}, {human_bytes(sum(it.size for it in found))}",
            )
    if done.removal.staged:
        yield "removed", f"{would}{counted(len(done.removal.staged), 'unfinished file')}"
    for folder in done.folders:
        yield "predictions", _folder_forgotten(folder, dry_run=dry_run)
    if not any(done.removal.removed.values()) and not done.removal.staged and not done.compaction.replaced:
        yield "removed", "nothing"


def _folder_forgotten(folder: FolderForgetting, *, dry_run: bool) -> str:
    removed = len(folder.removed) + len(folder.staged)
    would = ("would be " if dry_run else "") + ("written anew or removed" if dry_run else "written anew")
    parts = [f"{counted(folder.rewritten, 'file')} {would}", f"{counted(removed, 'object')} removed"]
    if folder.unscored and not dry_run:
        parts.append(f"{counted(folder.unscored, 'prediction')} left to the next backfill")
    return f"{folder.uri}: {', '.join(parts)}"


def _still_held(done: Forgetting, age_limit: timedelta, *, dry_run: bool) -> Iterator[tuple[str, object]]:
    """Lines about objects that still hold deleted documents, or may hold some later, with advice."""
    removal: ForgetReport = done.removal
    for tag, rows in removal.tags.items():
        remedy = f"encore tag {tag} --store {done.store.uri} --remove, and forget again"
        yield "left", f"tag {tag} holds {counted(rows, 'row')} of documents or texts that are gone: {remedy}"
    for sign in removal.at_work:
        began, until = f"{sign.since:%Y-%m-%d %H:%M} UTC", f"{sign.since + age_limit:%Y-%m-%d %H:%M} UTC"
        remedy = f"forget again when it has, or after {until}; where no job runs, at once with --older-than 0"
        yield "left", f"what was there at {began} or came later: {sign.name} has not ended; {remedy}"
    if removal.deleted_meanwhile:
        yield "left", f"{counted(removal.deleted_meanwhile, 'row')} deleted while this ran: forget again"
    if done.complete:
        yield "left", f"nothing of a document that {'will not be' if dry_run else 'is not'} in the newest snapshot"


def _forgotten_paths(done: Forgetting) -> list[str]:
    own = [it.path for found in done.removal.removed.values() for it in found] + list(map(str, done.removal.staged))
    others = [f"{folder.uri}/{it.path}" for folder in done.folders for it in folder.removed]
    return own + others + [str(path) for folder in done.folders for path in folder.staged]


def number_ranges(kept: tuple[int, ...]) -> str:
    """Ascending numbers, with ranges shortened: 3, 7 to 12."""
    runs: list[list[int]] = []
    for number in kept:
        if runs and runs[-1][-1] == number - 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in runs) or "none"
