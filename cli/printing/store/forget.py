"""What `encore vacuum --forget` prints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from encore.cli.printing.store.vacuum import numbers
from encore.cli.printing.tables import human_bytes, print_json, print_pairs
from encore.featurestore.common import counted
from encore.featurestore.removal import Removal
from encore.pipelines.removal import FolderForgetting, Forgetting


def print_forgetting(done: Forgetting, *, age_limit: timedelta, dry_run: bool, as_json: bool) -> None:
    """What was forgotten, what is left and why; where nothing was done yet, every object by name as well."""
    paths = _paths(done) if dry_run else []
    if as_json:
        document = {"store": done.store.uri, "dry_run": dry_run, **done.to_dict()}
        print_json({**document, **({"objects": paths} if dry_run else {})})
        return
    print_pairs(
        [*_done(done, dry_run=dry_run), *_left(done, age_limit, dry_run=dry_run), *(("", path) for path in paths)]
    )


def _done(done: Forgetting, *, dry_run: bool) -> Iterator[tuple[str, object]]:
    would = "would be " if dry_run else ""
    kept = done.removal.kept
    yield "store", f"{done.store.uri} at snapshot {done.store.version}, {counted(len(done.store), 'document')}"
    more = ", and the one that this would make" if done.store.version not in kept and done.store.version else ""
    yield "kept", f"{counted(len(kept), 'snapshot')}: {numbers(kept)}{more}"
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
        yield "predictions", _folder(folder, dry_run=dry_run)
    if not any(done.removal.removed.values()) and not done.removal.staged and not done.compaction.replaced:
        yield "removed", "nothing"


def _folder(folder: FolderForgetting, *, dry_run: bool) -> str:
    removed = len(folder.removed) + len(folder.staged)
    would = ("would be " if dry_run else "") + ("written anew or removed" if dry_run else "written anew")
    parts = [f"{counted(folder.rewritten, 'file')} {would}", f"{counted(removed, 'object')} removed"]
    if folder.unscored and not dry_run:
        parts.append(f"{counted(folder.unscored, 'prediction')} left to the next backfill")
    return f"{folder.uri}: {', '.join(parts)}"


def _left(done: Forgetting, age_limit: timedelta, *, dry_run: bool) -> Iterator[tuple[str, object]]:
    """What still holds documents that are gone, or may come to hold some, and what to do."""
    removal: Removal = done.removal
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


def _paths(done: Forgetting) -> list[str]:
    own = [it.path for found in done.removal.removed.values() for it in found] + list(map(str, done.removal.staged))
    others = [f"{folder.uri}/{it.path}" for folder in done.folders for it in folder.removed]
    return own + others + [str(path) for folder in done.folders for path in folder.staged]
