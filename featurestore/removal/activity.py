"""Signs that a job may still be at work on a store or a predictions folder, and removing what ended jobs left."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from obstore.store import LocalStore

from encore.featurestore.errors import StoreError
from encore.featurestore.format import parse_json
from encore.featurestore.removal.plan import SegmentFolder
from encore.featurestore.storage import ListedObject, Objects

RUN = re.compile(r"runs/([^/]+)(?:/.+)?")
RUN_START = re.compile(r"(\d{8}T\d{6})Z-[0-9a-f]+")
STAGED = re.compile(r".+#\d+")
"""The name that obstore gives a local file while it writes it. If the process is killed, no listing shows the file."""


@dataclass(frozen=True)
class ActiveJob:
    """A sign that a job may be at work: until it has ended, nothing that it began to write is removed.

    Attributes:
        name: full name of the object that says so.
        since: when the job began, as far as that is known.
    """

    name: str
    since: datetime


def active_jobs(objects: Objects, cutoff: datetime) -> list[ActiveJob]:
    """Signs that a job which began after ``cutoff`` may be at work on a store or a predictions folder."""
    signs = list(active_runs(objects, run_folders(objects), cutoff).values())
    return signs + [
        ActiveJob(str(path), written) for path, written in temporary_files(objects).items() if written >= cutoff
    ]


def run_folders(objects: Objects) -> dict[str, list[ListedObject]]:
    """Run → its objects, the report last: until all of them are removed, the report shows that the run has ended."""
    folders: dict[str, list[ListedObject]] = {}
    for stored in objects.listing("runs"):
        if match := RUN.fullmatch(stored.path):
            folders.setdefault(match[1], []).append(stored)
    return {run: sorted(found, key=lambda it: it.path.endswith("/report.json")) for run, found in folders.items()}


def active_runs(objects: Objects, folders: Mapping[str, list[ListedObject]], limit: datetime) -> dict[str, ActiveJob]:
    """Runs that began after ``limit`` and may still commit: they have no report, or had too many dead letters.

    Segments of a run with too many dead letters wait for a rerun with a higher limit.
    """
    signs = {}
    for run, found in folders.items():
        since = min(stored.written_at for stored in found)
        if match := RUN_START.fullmatch(run):
            # If the name holds no valid time, the times of the objects alone count.
            with suppress(ValueError):
                since = min(since, datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC))
        if since >= limit and _may_commit(objects, run):
            signs[run] = ActiveJob(objects.name(f"runs/{run}"), since)
    return signs


def _may_commit(objects: Objects, run: str) -> bool:
    try:
        report = parse_json(objects.get(f"runs/{run}/report.json"))
    except FileNotFoundError:
        return True
    except ValueError:
        # A report is written last, so even a damaged one shows that the run has ended.
        return False
    letters = report.get("dead_letters") if isinstance(report, dict) else None
    return isinstance(letters, dict) and letters.get("within") is False


def active_attempts(
    objects: Objects, folders: Mapping[str, SegmentFolder], listed: Collection[str], limit: datetime
) -> list[ActiveJob]:
    """Attempts at unfinished segments, or at segments with several writers, that have an object younger than ``limit``.

    Args:
        objects: of the store.
        folders: segment → what lies there of it.
        listed: segments whose needed attempts are known.
        limit: the earliest start of an attempt that may still be written.
    """
    return [
        ActiveJob(objects.name(f"segments/{segment}"), min(stored.written_at for stored in folder.objects))
        for segment, folder in folders.items()
        if segment not in listed
        and not folder.retired
        and (folder.record is None or len(folder.attempts) > 1)
        and any(stored.written_at >= limit for stored in folder.objects)
    ]


def temporary_files(objects: Objects) -> dict[Path, datetime]:
    """Unfinished files of a local folder, of running and killed writers → when they were last written."""
    if not isinstance(objects.raw, LocalStore):
        return {}
    staged = {}
    for folder, _, files in os.walk(objects.uri, onerror=_gone_or_refused):
        for path in (Path(folder, name) for name in files if STAGED.fullmatch(name)):
            try:
                staged[path] = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            except FileNotFoundError:
                continue
    return staged


def _gone_or_refused(error: OSError) -> None:
    """Ignore a folder that was removed meanwhile; refuse one that cannot be read, since it may hold anything."""
    if not isinstance(error, FileNotFoundError):
        raise StoreError(f"{error.filename}: cannot be read: {error.strerror}") from error
