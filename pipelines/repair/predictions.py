"""Repairing a predictions folder. Its versions are repaired like a store's; damaged files are scored again later."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from encore.featurestore import Catalogue, CommitConflict, StoreError, UsageError
from encore.featurestore.errors import NewerFormat
from encore.featurestore.format import new_run_id
from encore.featurestore.history import EMPTY, Manifest, manifest_path
from encore.featurestore.repair import Quarantine
from encore.featurestore.storage import OBJECTS_AT_ONCE
from encore.pipelines.predictions import (
    PUBLISH_ATTEMPTS,
    PredictionFile,
    PredictionsFolder,
    counts_of,
    file_table,
    read_folder_document,
)


@dataclass(frozen=True)
class FolderRepair:
    """The damage in a predictions folder.

    Attributes:
        folder: its URI.
        version: number of the newest whole version; after a repair, the version that it published.
        retired: numbers of versions whose manifest or list is damaged.
        unlisted: paths of listed files that are missing or damaged. The next backfill scores their segments.
    """

    folder: str
    version: int
    retired: tuple[int, ...]
    unlisted: tuple[str, ...]

    @property
    def needed(self) -> bool:
        """Whether anything is damaged."""
        return bool(self.retired or self.unlisted)

    def to_dict(self) -> dict[str, Any]:
        """JSON for programs."""
        return vars(self) | {"retired": list(self.retired), "unlisted": list(self.unlisted)}


def repair_predictions(predictions: PredictionsFolder, *, dry_run: bool = False) -> FolderRepair:
    """Publish the sound files of a folder, and quarantine what is damaged. The next backfill scores the rest.

    Raises:
        StoreError: a version is of a newer format.
        CommitConflict: other writers were first too many times in a row.
    """
    objects, log = predictions.objects, predictions.log
    objects.require_no_links()
    for _ in range(PUBLISH_ATTEMPTS):
        taken = log.taken()
        # A version that a vacuum removes meanwhile is skipped.
        tried = {number: _read(predictions, number) for number, emptied in taken.items() if not emptied}
        read = {number: found for number, found in tried.items() if found is not None}
        whole = {number: found for number, found in read.items() if not isinstance(found, StoreError)}
        manifest, files = whole[max(whole)] if whole else (EMPTY, [])
        retired = tuple(sorted(read.keys() - whole.keys()))
        with ThreadPoolExecutor(OBJECTS_AT_ONCE) as pool:
            sound = list(pool.map(lambda it: predictions.find_file(it.path, it.documents) is not None, files))
        kept = [file for file, is_sound in zip(files, sound, strict=True) if is_sound]
        unlisted = tuple(file.path for file, is_sound in zip(files, sound, strict=True) if not is_sound)
        found = FolderRepair(objects.uri, manifest.version, retired, unlisted)
        if dry_run or not found.needed:
            return found
        newest = max(taken)
        parent = replace(manifest, version=newest, parent=newest - 1, lists=())
        published = log.publish(parent, "repair", counts_of(kept), file_table(kept))
        if published is not None:
            aside = Quarantine(objects, new_run_id())
            aside.retire(manifest_path(number) for number in retired)
            aside.move(unlisted)
            return replace(found, version=published.version)
    raise CommitConflict(
        f"{objects.uri}: other writers were first {PUBLISH_ATTEMPTS} times in a row; run the command again"
    )


def store_id_of(predictions: PredictionsFolder) -> str:
    """Id of the store that a folder's predictions belong to."""
    return str(read_folder_document(predictions.objects)["store_id"])


def require_features(predictions: PredictionsFolder, store: Catalogue) -> None:
    """Check that a folder belongs to features like the store's, before the store's lost id is taken from it.

    Raises:
        UsageError: it belongs to other features.
    """
    if read_folder_document(predictions.objects).get("fingerprint") != store.spec.fingerprint:
        raise UsageError(
            f"{predictions.objects.uri}: holds predictions from other features than {store.uri};"
            " name a folder of its predictions"
        )


def _read(predictions: PredictionsFolder, number: int) -> tuple[Manifest, Sequence[PredictionFile]] | StoreError | None:
    """A version and its files, or the error in it; None if it does not exist."""
    try:
        manifest = predictions.log.find(number)
        return None if manifest is None else (manifest, predictions.files(manifest))
    except NewerFormat:
        raise
    except StoreError as error:
        return error
