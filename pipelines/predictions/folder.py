"""The folder: which store it belongs to, the versions of its table of files, and what is read of them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from featurestore import CommitConflict, Store, StoreError, UsageError
from featurestore.commit import LONGEST_WAIT
from featurestore.errors import UPGRADE
from featurestore.objects import Objects
from featurestore.versions import Manifest, VersionLog
from pipelines.predictions.files import FILE_SCHEMA, PredictionFile

PREDICTIONS_FILE = "predictions.json"
FORMAT_VERSION = 1
ATTEMPTS = 50
READ_THREADS = 8
LOOKS = 10
"""Versions that a reader tries, one after another, while others publish the next."""


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
        """
        objects = Objects.open(uri, make=True)
        if objects.size("store.json") is not None:
            raise UsageError(f"{objects.uri}: is a feature store; predictions need a folder of their own")
        document = {
            "format": "encore-predictions",
            "format_version": FORMAT_VERSION,
            "store_id": store.store_id,
            "fingerprint": store.spec.fingerprint,
            "probabilities": probabilities,
        }
        objects.create(PREDICTIONS_FILE, json.dumps(document, indent=1).encode())
        there = _read_document(objects)
        if there["store_id"] != store.store_id:
            raise UsageError(f"{objects.uri}: holds predictions for another store than {store.uri}; name another --out")
        if there["probabilities"] != probabilities:
            kind = "with" if there["probabilities"] else "without"
            raise UsageError(
                f"{objects.uri}: holds predictions {kind} probabilities; ask for the same or name another --out"
            )
        return cls(objects, probabilities)

    @classmethod
    def open(cls, uri: str) -> Predictions:
        """Open a folder of predictions; raises UsageError where there is none."""
        objects = Objects.open(uri)
        return cls(objects, _read_document(objects)["probabilities"])

    def require_store(self, store: Store) -> None:
        """See that the folder holds predictions for this store.

        Raises:
            UsageError: they are another store's.
        """
        if _read_document(self.objects)["store_id"] != store.store_id:
            raise UsageError(f"{self.objects.uri}: holds predictions for another store than {store.uri}")

    @property
    def log(self) -> VersionLog:
        """The versions of the table of files."""
        return VersionLog(self.objects, FILE_SCHEMA, ("head", "segment"))

    def files(self, manifest: Manifest | None = None) -> list[PredictionFile]:
        """The files of a version, the newest unless given."""
        manifest = self.log.latest() if manifest is None else manifest
        return [PredictionFile(**row) for row in self.log.entries(manifest).to_pylist()]

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

        A version's files go when the next one is published: where that happens meanwhile, the newest is read instead.

        Raises:
            UsageError, StoreError: as `read`.
        """
        manifest = self.log.latest()
        for _ in range(LOOKS):
            try:
                return self._read_version(head, manifest)
            except StoreError:
                newest = self.log.latest()
                if newest.version == manifest.version:
                    raise
                manifest = newest
        raise StoreError(f"{self.objects.uri}: other jobs published {LOOKS} versions meanwhile; run again")

    def _read_version(self, head: str | None, manifest: Manifest) -> tuple[str, pa.Table]:
        # One look for all: a head of one version may have no files in the next.
        files = self.files(manifest)
        name = self._resolve(head, sorted({file.head for file in files}))
        with ThreadPoolExecutor(READ_THREADS) as pool:
            return name, pa.concat_tables(pool.map(self.read_file, (file.path for file in files if file.head == name)))

    def read_file(self, path: str) -> pa.Table:
        """One prediction file; raises StoreError where it is missing or damaged."""
        found = self.find_file(path)
        if found is None:
            raise StoreError(f"{self.objects.name(path)}: missing; run the backfill again with another --out")
        return found

    def find_file(self, path: str) -> pa.Table | None:
        """One prediction file; None where it is not there; raises StoreError where it is damaged."""
        name = self.objects.name(path)
        try:
            return pq.read_table(pa.BufferReader(self.objects.get(path)), page_checksum_verification=True)
        except FileNotFoundError:
            return None
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"{name}: damaged: {str(error).splitlines()[0]}") from error

    def write_file(self, path: str, table: pa.Table) -> int:
        """Write a prediction file and return its size in bytes."""
        sink = pa.BufferOutputStream()
        # Ids are all different: a dictionary of them took a third of the time and made the file larger.
        pq.write_table(table, sink, compression="zstd", use_dictionary=["label"], write_page_checksum=True)
        data = sink.getvalue().to_pybytes()
        self.objects.put(path, data)
        return len(data)

    def publish(self, heads: Sequence[str], live_segments: Iterable[str], made: Sequence[PredictionFile]) -> Manifest:
        """List new files, drop those of these heads whose segment is gone, and remove files that nothing lists.

        Raises:
            CommitConflict: other writers were first `ATTEMPTS` times in a row.
        """
        live, mine = set(live_segments), set(heads)
        for _ in range(ATTEMPTS):
            began = time.monotonic()
            latest = self.log.latest()
            before = self.files(latest)
            gone = [file for file in before if file.head in mine and file.segment not in live]
            new = [file for file in made if file not in before]
            if not new and not gone:
                return latest
            after = {(f.head, f.segment): f for f in (*before, *new)}
            for file in gone:
                del after[file.head, file.segment]
            manifest = self.log.publish(
                latest, "backfill", _counts(after.values()), _table(new), _table(gone), [f.path for f in new]
            )
            if manifest is not None:
                listed = {file.path for file in after.values()}
                self.objects.delete(file.path for file in before if file.path not in listed)
                return manifest
            # As in featurestore.commit: writers that waited equally long would meet again.
            time.sleep(random.uniform(0, min(LONGEST_WAIT, time.monotonic() - began)))  # noqa: S311 (no secret)
        raise CommitConflict(f"{self.objects.uri}: other writers were first {ATTEMPTS} times in a row; run again")

    def resolve(self, head: str) -> str:
        """Full name of a head, given as ``task@digest`` or as a task that only one head has."""
        return self._resolve(head, self.heads())

    def _resolve(self, head: str | None, there: Sequence[str]) -> str:
        if not there:
            raise UsageError(f"{self.objects.uri}: lists no predictions yet; run encore backfill to its end")
        matches = [name for name in there if head in (None, name, name.rpartition("@")[0])]
        if len(matches) == 1:
            return matches[0]
        if head is None:
            raise UsageError(f"{self.objects.uri}: name the head with --head; heads there: {', '.join(there)}")
        problem = "several heads" if matches else "no head"
        raise UsageError(f"{self.objects.uri}: {problem} {head!r}; heads there: {', '.join(there)}")


def _read_document(objects: Objects) -> Mapping[str, Any]:
    name = objects.name(PREDICTIONS_FILE)
    try:
        document: dict[str, Any] = json.loads(objects.get(PREDICTIONS_FILE))
    except FileNotFoundError as error:
        raise UsageError(f"{objects.uri}: no predictions here (no {PREDICTIONS_FILE})") from error
    except ValueError as error:
        raise StoreError(f"{name}: damaged: {error}") from error
    if document.get("format_version") != FORMAT_VERSION:
        found = document.get("format_version")
        raise StoreError(f"{name}: format version {found}; this release reads version {FORMAT_VERSION}: {UPGRADE}")
    return document


def _table(files: Iterable[PredictionFile]) -> pa.Table:
    return pa.Table.from_pylist([asdict(file) for file in files], schema=FILE_SCHEMA)


def _counts(files: Iterable[PredictionFile]) -> dict[str, int]:
    listed = list(files)
    return {
        "heads": len({file.head for file in listed}),
        "files": len(listed),
        "predictions": sum(file.documents for file in listed),
        "bytes": sum(file.bytes for file in listed),
    }
