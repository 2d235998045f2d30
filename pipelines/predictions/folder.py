"""The predictions folder: the store that it belongs to, the versions of its table of files, and reading them."""

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

from encore.featurestore import Catalogue, CommitConflict, StoreError, UsageError
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
PUBLISH_ATTEMPTS = 50
SCORE_AGAIN = "run encore backfill with this head and --check, which scores it again"
"""Advice in errors about a listed file that cannot be read."""
ANEW = f"{RESTORE}, or run encore backfill into another folder"
"""Advice in errors about the folder's own document and its lists."""

T = TypeVar("T")


@dataclass(frozen=True)
class PredictionsFolder:
    """A folder of predictions for one store.

    Attributes:
        objects: where it lies.
        probabilities: whether its files hold every class's probability.
    """

    objects: Objects
    probabilities: bool

    @classmethod
    def create(cls, uri: str, store: Catalogue, *, probabilities: bool) -> PredictionsFolder:
        """Make a folder for a store's predictions, or open the existing one.

        Raises:
            UsageError: the folder holds another store's predictions, or files of another kind.
            StoreError: the folder holds a symbolic link, or storage overwrites what is to be created.
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
        if objects.size(PREDICTIONS_FILE) is None:
            objects.require_creates()
        objects.create(PREDICTIONS_FILE, json.dumps(document, indent=1).encode())
        held = read_folder_document(objects)
        if held["store_id"] != store.store_id:
            raise UsageError(
                f"{objects.uri}: holds predictions for another store than {store.uri}; name another folder"
            )
        if held["probabilities"] != probabilities:
            kind = "with" if held["probabilities"] else "without"
            raise UsageError(
                f"{objects.uri}: holds predictions {kind} probabilities; ask for the same or name another folder"
            )
        return cls(objects, probabilities)

    @classmethod
    def open(cls, uri: str | PathLike[str]) -> PredictionsFolder:
        """Open a folder of predictions. Raises UsageError without one."""
        objects = Objects.open(uri)
        return cls(objects, read_folder_document(objects)["probabilities"])

    def require_store(self, store: Catalogue) -> None:
        """Check that the folder holds predictions for this store.

        Raises:
            UsageError: it holds those of another store.
        """
        if read_folder_document(self.objects)["store_id"] != store.store_id:
            raise UsageError(
                f"{self.objects.uri}: holds predictions for another store than {store.uri};"
                " name a folder of its predictions"
            )

    @property
    def log(self) -> VersionLog:
        """The versions of the table of files."""
        return VersionLog(self.objects, FILE_SCHEMA, ("head", "segment"), list_problem)

    def files(self, manifest: Manifest | None = None) -> list[PredictionFile]:
        """The files of a version; the newest one unless given.

        Raises:
            StoreError: a list is damaged, or a path in it is not a prediction file of its row's head and segment.
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
        """Full name of a head, and all its predictions. ``head`` is as in `read`; None takes the only head.

        Raises:
            UsageError, StoreError: as `read`.
        """
        return self.read_newest(lambda manifest: self._read_version(head, manifest))

    def read_newest(self, read: Callable[[Manifest], T]) -> T:
        """Call ``read`` with the newest version.

        Meanwhile another job may publish a version, and a vacuum may remove files that this one lists. If ``read`` then
        fails, it is called once more, with the version that is now the newest.
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
        """Addresses of the files of the newest version. SQL engines and data frames should read these files alone.

        Args:
            head: as in `read`; None for all heads, whose files lie in folders called ``head=task@digest``.

        Raises:
            UsageError: no such head, or several of that task.
        """
        files = self.files()
        name = None if head is None else self.match(head, sorted({file.head for file in files}))
        return [self.objects.name(file.path) for file in files if name in (None, file.head)]

    def _read_version(self, head: str | None, manifest: Manifest) -> tuple[str, pa.Table]:
        # The version is read once: a head of one version may have no files in the next.
        files = self.files(manifest)
        name = self.match(head, sorted({file.head for file in files}))
        with ThreadPoolExecutor(OBJECTS_AT_ONCE) as pool:
            return name, pa.concat_tables(pool.map(self.read_file, (file for file in files if file.head == name)))

    def read_file(self, file: PredictionFile, classes: Sequence[str] | None = None) -> pa.Table:
        """Read a listed file. Raises StoreError if it is missing, damaged, or of other classes than ``classes``."""
        name = self.objects.name(file.path)
        try:
            data = self.objects.get(file.path)
            return from_parquet(data, file.documents, probabilities=self.probabilities, classes=classes)
        except FileNotFoundError as error:
            raise StoreError(f"{name}: missing; {SCORE_AGAIN}") from error
        except DamagedFile as error:
            raise StoreError(f"{name}: damaged: {error}; {SCORE_AGAIN}") from error

    def find_file(self, path: str, documents: int | None, classes: Sequence[str] | None = None) -> pa.Table | None:
        """The rows of a prediction file; None if it is missing, damaged, or does not hold what is expected.

        Args:
            path: the file.
            documents: the expected number of rows; None where it is not known.
            classes: of its head; None where they are not known.
        """
        try:
            return from_parquet(self.objects.get(path), documents, probabilities=self.probabilities, classes=classes)
        except (FileNotFoundError, DamagedFile):
            return None

    def write(self, head: str, entry: SegmentEntry, table: pa.Table, snapshot: int, fingerprint: str) -> PredictionFile:
        """Write a head's predictions for a segment. `publish` lists the file later.

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
        """Write a prediction file at a new path (`new_path`). Returns its size in bytes."""
        data = to_parquet(table)
        self.objects.put(path, data)
        return len(data)

    def publish(self, work: JobWork) -> Publication:
        """List the files that a job has made, and drop rows of segments that are gone (`changes` decides which).

        First the newest version is read. After that, the existence of the files is checked once more. A vacuum
        publishes a version after it has removed files. So if it removes one after the check, this attempt fails, and is
        repeated.

        Raises:
            CommitConflict: other writers were first `PUBLISH_ATTEMPTS` times in a row.
        """
        for _ in range(PUBLISH_ATTEMPTS):
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
            # As in encore.featurestore.commits.publication: writers that wait equally long would collide again.
            time.sleep(random.uniform(0, min(LONGEST_WAIT, time.monotonic() - began)))  # noqa: S311 (no secret)
        raise CommitConflict(
            f"{self.objects.uri}: other writers were first {PUBLISH_ATTEMPTS} times in a row; run the command again"
        )

    def resolve(self, head: str) -> str:
        """Full name of a head, given as ``task@digest`` or as a task that only one head has."""
        return self.match(head, self.heads())

    def match(self, head: str | None, there: Sequence[str]) -> str:
        """Find a head in the full names ``there``: by full name, by task, or, for None, as the only one.

        Raises:
            UsageError: no name matches, or several do.
        """
        if not there:
            raise UsageError(f"{self.objects.uri}: lists no predictions yet; run encore backfill to its end")
        matches = [name for name in there if head in (None, name, name.rpartition("@")[0])]
        if len(matches) == 1:
            return matches[0]
        if head is None:
            raise UsageError(f"{self.objects.uri}: name one head; heads there: {', '.join(there)}")
        problem = "several heads" if matches else "no head"
        raise UsageError(f"{self.objects.uri}: {problem} {head!r}; heads there: {', '.join(there)}")


def read_folder_document(objects: Objects) -> Mapping[str, Any]:
    """The document in which a folder describes itself.

    Raises:
        UsageError: there is no folder of predictions.
        StoreError: the document is damaged, or of a newer format.
    """
    name = objects.name(PREDICTIONS_FILE)
    try:
        document = parse_json(objects.get(PREDICTIONS_FILE))
        found = document["format_version"]
        if found == FORMAT_VERSION and isinstance(document["probabilities"], bool):
            return {**document, "store_id": str(document["store_id"])}
    except FileNotFoundError as error:
        raise UsageError(
            f"{objects.uri}: no predictions here (no {PREDICTIONS_FILE}); name a folder that encore backfill wrote"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{name}: damaged: it does not describe a folder of predictions; {ANEW}") from error
    if not isinstance(found, int) or found == FORMAT_VERSION:
        raise StoreError(f"{name}: damaged: it does not describe a folder of predictions; {ANEW}")
    raise StoreError(f"{name}: format version {found}; this release reads version {FORMAT_VERSION}: {UPGRADE}")
