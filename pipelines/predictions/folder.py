"""The folder: which store it belongs to, the versions of its table of files, and what is read of them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from typing import Any, TypeVar

import pyarrow as pa

from encore.featurestore import CommitConflict, Store, StoreError, UsageError
from encore.featurestore.commits import LONGEST_WAIT
from encore.featurestore.errors import RESTORE, UPGRADE
from encore.featurestore.format import parse_json
from encore.featurestore.history import STORE_FILE, Manifest, VersionLog
from encore.featurestore.segments import SegmentEntry
from encore.featurestore.storage import OBJECTS_AT_ONCE, Objects
from encore.pipelines.predictions import presence
from encore.pipelines.predictions.contents import DamagedFile, from_parquet, to_parquet
from encore.pipelines.predictions.files import (
    FILE_SCHEMA,
    PredictionFile,
    counts_of,
    file_table,
    list_problem,
    listed_files,
    new_path,
)
from encore.pipelines.predictions.publication import JobWork, Publication, changes

PREDICTIONS_FILE = "predictions.json"
FORMAT_VERSION = 1
ATTEMPTS = 50
SCORE_AGAIN = "run encore backfill with this head and --check, which scores it again"
"""What to do about a listed file that cannot be read."""
ANEW = f"{RESTORE}, or run encore backfill with another --out"
"""What to do about the folder's own document and lists."""

T = TypeVar("T")


@dataclass(frozen=True)
class Predictions:
    """A folder of predictions for one store.

    Attributes:
        objects: where it lies.
        probabilities: whether its files hold every class's probability.
    """

    objects: Objects
    probabilities: bool

    @classmethod
    def create(cls, uri: str, store: Store, *, probabilities: bool) -> Predictions:
        """Make a folder for a store's predictions, or open the one that is there.

        Raises:
            UsageError: the folder holds another store's predictions, or files of another kind.
            StoreError: a link lies in it.
        """
        objects = Objects.open(uri, make=True)
        if objects.size(STORE_FILE) is not None:
            raise UsageError(f"{objects.uri}: is a feature store; predictions need a folder of their own")
        objects.require_no_links()
        document = {
            "format": "encore-predictions",
            "format_version": FORMAT_VERSION,
            "store_id": store.store_id,
            "fingerprint": store.spec.fingerprint,
            "probabilities": probabilities,
        }
        objects.create(PREDICTIONS_FILE, json.dumps(document, indent=1).encode())
        held = read_folder_document(objects)
        if held["store_id"] != store.store_id:
            raise UsageError(f"{objects.uri}: holds predictions for another store than {store.uri}; name another --out")
        if held["probabilities"] != probabilities:
            kind = "with" if held["probabilities"] else "without"
            raise UsageError(
                f"{objects.uri}: holds predictions {kind} probabilities; ask for the same or name another --out"
            )
        return cls(objects, probabilities)

    @classmethod
    def open(cls, uri: str | PathLike[str]) -> Predictions:
        """Open a folder of predictions; raises UsageError where there is none."""
        objects = Objects.open(uri)
        return cls(objects, read_folder_document(objects)["probabilities"])

    def require_store(self, store: Store) -> None:
        """See that the folder holds predictions for this store.

        Raises:
            UsageError: they are another store's.
        """
        if read_folder_document(self.objects)["store_id"] != store.store_id:
            raise UsageError(f"{self.objects.uri}: holds predictions for another store than {store.uri}")

    @property
    def log(self) -> VersionLog:
        """The versions of the table of files."""
        return VersionLog(self.objects, FILE_SCHEMA, ("head", "segment"), list_problem)

    def files(self, manifest: Manifest | None = None) -> list[PredictionFile]:
        """The files of a version, the newest unless given.

        Raises:
            StoreError: a list is damaged, or names what is no prediction file of its head and segment.
        """
        return listed_files(self.log.entries(self.log.latest() if manifest is None else manifest))

    def heads(self) -> list[str]:
        """Heads that have predictions, as ``task@digest``, sorted."""
        return sorted({file.head for file in self.files()})

    def read(self, head: str) -> pa.Table:
        """All predictions of one head, given as ``task@digest``, or as the task where only one head has that task.

        Raises:
            UsageError: no such head, or several of that task.
            StoreError: a file of the newest version is missing or damaged.
        """
        return self.read_one(head)[1]

    def read_one(self, head: str | None) -> tuple[str, pa.Table]:
        """Full name of a head, and all its predictions; ``head`` as `read` has it, or None where there is one only.

        Raises:
            UsageError, StoreError: as `read`.
        """
        return self.read_newest(lambda manifest: self._read_version(head, manifest))

    def read_newest(self, read: Callable[[Manifest], T]) -> T:
        """What ``read`` makes of the newest version.

        Files that the newest version does not list any more go with a vacuum: where that happens meanwhile, the newest
        version is read instead, once.
        """
        manifest = self.log.latest()
        try:
            return read(manifest)
        except StoreError:
            newest = self.log.latest()
            if newest.version == manifest.version:
                raise
        return read(newest)

    def addresses(self, head: str | None = None) -> list[str]:
        """Where the files that count lie: what SQL engines and data frames are to read, and nothing else.

        Args:
            head: as `read` has it; None for all heads, whose files lie in folders called ``head=task@digest``.

        Raises:
            UsageError: no such head, or several of that task.
        """
        files = self.files()
        name = None if head is None else self.match(head, sorted({file.head for file in files}))
        return [self.objects.name(file.path) for file in files if name in (None, file.head)]

    def _read_version(self, head: str | None, manifest: Manifest) -> tuple[str, pa.Table]:
        # One look for all: a head of one version may have no files in the next.
        files = self.files(manifest)
        name = self.match(head, sorted({file.head for file in files}))
        with ThreadPoolExecutor(OBJECTS_AT_ONCE) as pool:
            return name, pa.concat_tables(pool.map(self.read_file, (file for file in files if file.head == name)))

    def read_file(self, file: PredictionFile, classes: Sequence[str] | None = None) -> pa.Table:
        """One listed file; raises StoreError where it is missing, damaged, or of others than the ``classes`` given."""
        name = self.objects.name(file.path)
        try:
            data = self.objects.get(file.path)
            return from_parquet(data, file.documents, probabilities=self.probabilities, classes=classes)
        except FileNotFoundError as error:
            raise StoreError(f"{name}: missing; {SCORE_AGAIN}") from error
        except DamagedFile as error:
            raise StoreError(f"{name}: damaged: {error}; {SCORE_AGAIN}") from error

    def find_file(self, path: str, documents: int | None, classes: Sequence[str] | None = None) -> pa.Table | None:
        """The rows of a prediction file; None where it is not there or not what it should be.

        Args:
            path: the file.
            documents: how many rows it is to have; None where nobody knows.
            classes: of its head; None where the head is not at hand.
        """
        try:
            return from_parquet(self.objects.get(path), documents, probabilities=self.probabilities, classes=classes)
        except (FileNotFoundError, DamagedFile):
            return None

    def write(self, head: str, entry: SegmentEntry, table: pa.Table, snapshot: int, fingerprint: str) -> PredictionFile:
        """Write a head's predictions for a segment; nothing lists the file yet.

        Args:
            head: ``task@digest``.
            entry: the segment, as the snapshot lists it.
            table: a row for each of its live documents.
            snapshot: of the store.
            fingerprint: of the store's features.
        """
        path = new_path(head, entry)
        size = self.write_file(path, table)
        return PredictionFile(head, entry.segment, entry.deletions, path, entry.live, size, snapshot, fingerprint)

    def write_file(self, path: str, table: pa.Table) -> int:
        """Write a prediction file under a name that nobody has used (`new_path`); returns its size in bytes."""
        data = to_parquet(table)
        self.objects.put(path, data)
        return len(data)

    def publish(self, work: JobWork) -> Publication:
        """List what a job has made, and drop rows of segments that are gone (`changes` says which).

        What is to be listed is looked for once more, behind the look at the newest version: a vacuum that has removed a
        file has published after that, and this attempt then comes too late.

        Raises:
            CommitConflict: other writers were first `ATTEMPTS` times in a row.
        """
        for _ in range(ATTEMPTS):
            began = time.monotonic()
            latest = self.log.latest()
            listed = self.files(latest)
            new, dropped = changes(work, listed)
            missing = presence.lost_files(self.objects, new)
            new = [file for file in new if file not in set(missing)]
            if not new and not dropped:
                return Publication(latest, latest, missing)
            after = {file.key: file for file in (*listed, *new)}
            for file in dropped:
                del after[file.key]
            counts = counts_of(after.values())
            manifest = self.log.publish(
                latest, "backfill", counts, file_table(new), file_table(dropped), [file.path for file in new]
            )
            if manifest is not None:
                return Publication(latest, manifest, missing)
            # As in encore.featurestore.commits.publication: writers that waited equally long would meet again.
            time.sleep(random.uniform(0, min(LONGEST_WAIT, time.monotonic() - began)))  # noqa: S311 (no secret)
        raise CommitConflict(f"{self.objects.uri}: other writers were first {ATTEMPTS} times in a row; run again")

    def resolve(self, head: str) -> str:
        """Full name of a head, given as ``task@digest`` or as a task that only one head has."""
        return self.match(head, self.heads())

    def match(self, head: str | None, there: Sequence[str]) -> str:
        """The one of the full names ``there`` that is meant: by itself, by its task, or because there is no other.

        Raises:
            UsageError: none is, or several are.
        """
        if not there:
            raise UsageError(f"{self.objects.uri}: lists no predictions yet; run encore backfill to its end")
        matches = [name for name in there if head in (None, name, name.rpartition("@")[0])]
        if len(matches) == 1:
            return matches[0]
        if head is None:
            raise UsageError(f"{self.objects.uri}: name the head with --head; heads there: {', '.join(there)}")
        problem = "several heads" if matches else "no head"
        raise UsageError(f"{self.objects.uri}: {problem} {head!r}; heads there: {', '.join(there)}")


def read_folder_document(objects: Objects) -> Mapping[str, Any]:
    """What a folder says of itself.

    Raises:
        UsageError: there is no folder of predictions.
        StoreError: what it says is damaged, or of a newer format.
    """
    name = objects.name(PREDICTIONS_FILE)
    try:
        document = parse_json(objects.get(PREDICTIONS_FILE))
        found = document["format_version"]
        if found == FORMAT_VERSION and isinstance(document["probabilities"], bool):
            return {**document, "store_id": str(document["store_id"])}
    except FileNotFoundError as error:
        raise UsageError(f"{objects.uri}: no predictions here (no {PREDICTIONS_FILE})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{name}: damaged: is not what a folder of predictions says of itself; {ANEW}") from error
    if not isinstance(found, int) or found == FORMAT_VERSION:
        raise StoreError(f"{name}: damaged: is not what a folder of predictions says of itself; {ANEW}")
    raise StoreError(f"{name}: format version {found}; this release reads version {FORMAT_VERSION}: {UPGRADE}")
