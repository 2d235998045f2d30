"""Verification of a predictions folder: every file that its newest version lists is sound and fits store and head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pyarrow as pa

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.history import Manifest, list_path, manifest_path
from encore.featurestore.segments import vector_path
from encore.featurestore.storage import REQUESTS_AT_ONCE, TRIES_BESIDE_VACUUM, Objects
from encore.featurestore.verification import Audit, Finding, check_manifests
from encore.pipelines.head_registry.head_copies import COPY_AGAIN, read_copy
from encore.pipelines.predictions import (
    ANEW,
    PREDICTION_FILE,
    PREDICTIONS_FILE,
    SCORE_AGAIN,
    DamagedFile,
    PredictionFile,
    PredictionsFolder,
    counts_of,
    from_parquet,
)

READABLE = "see that storage lets it be read"


@dataclass(frozen=True)
class FolderVerification:
    """The result of the verification of a predictions folder.

    Attributes:
        folder: its URI.
        version: number of the newest version, whose files were checked; 0 without one.
        heads: number of heads with predictions.
        files: number of listed files, all of which were read.
        objects: number of objects that were checked.
        bytes: bytes of these objects.
        unlisted: prediction files that the newest version does not list. The next vacuum removes them.
        findings: the problems, sorted by object.
    """

    folder: str
    version: int
    heads: int
    files: int
    objects: int
    bytes: int
    unlisted: int
    findings: tuple[Finding, ...]


def verify_folder(store: Catalogue, uri: str) -> FolderVerification:
    """Check a folder of predictions for a store, at its newest version.

    If a vacuum removes files meanwhile, the check is repeated with the version that is the newest then.

    Args:
        store: at any snapshot. Ids are compared for the segments that it lists.
        uri: of the folder.

    Raises:
        UsageError: there is no such folder, or it holds another store's predictions.
    """
    found = _look(store, uri)
    for _ in range(TRIES_BESIDE_VACUUM - 1):
        if not found.findings:
            break
        before, found = found, _look(store, uri)
        if found == before:
            break
    return found


def _look(store: Catalogue, uri: str) -> FolderVerification:
    audit = Audit(Objects.open(uri), deep=True)
    files: Sequence[PredictionFile] = ()
    manifests: Sequence[Manifest] = ()
    try:
        predictions = PredictionsFolder.open(uri)
    except StoreError as error:
        audit.refused(PREDICTIONS_FILE, error, ANEW)
    else:
        predictions.require_store(store)
        audit.read(PREDICTIONS_FILE)
        manifests = check_manifests(audit, None)
        files = _listed(audit, predictions, manifests)
        classes = {head: _check_head(audit, head) for head in sorted({file.head for file in files})}
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            list(pool.map(lambda file: _check_file(audit, predictions, store, file, classes), files))
    listed = {file.path for file in files}
    there = [path for path, _ in audit.objects.walk() if PREDICTION_FILE.fullmatch(path)]
    return FolderVerification(
        folder=audit.objects.uri,
        version=manifests[-1].version if manifests else 0,
        heads=len({file.head for file in files}),
        files=len(files),
        objects=audit.checked,
        bytes=audit.checked_bytes,
        unlisted=sum(path not in listed for path in there),
        findings=audit.findings,
    )


def _listed(audit: Audit, predictions: PredictionsFolder, manifests: Sequence[Manifest]) -> Sequence[PredictionFile]:
    """The files of the newest version; empty if its lists are damaged. A damaged list of any version is a finding."""
    sound = {
        part.digest: _check_list(audit, predictions, part.digest) for manifest in manifests for part in manifest.lists
    }
    newest = manifests[-1] if manifests else None
    if newest is None or not all(sound[part.digest] for part in newest.lists):
        return ()
    files = predictions.files(newest)
    if newest.counts and dict(newest.counts) != counts_of(files):
        audit.report(manifest_path(newest.version), "counts other files than its lists name", ANEW)
    return files


def _check_list(audit: Audit, predictions: PredictionsFolder, digest: str) -> bool:
    path = list_path(digest)
    data = audit.read(path)
    if data is None:
        return False
    try:
        predictions.log.parse_list(data, digest, audit.objects.name(path))
    except StoreError as error:
        audit.refused(path, error, ANEW)
        return False
    return True


def _check_head(audit: Audit, head: str) -> tuple[str, ...] | None:
    """Classes of a head, from its copy. If the copy cannot be loaded, adds a finding and returns None."""
    try:
        return read_copy(audit.objects, head).classes
    except StoreError as error:
        problem = str(error).removeprefix(audit.objects.name(f"heads/{head}")).lstrip("/: ")
        audit.report(f"heads/{head}", problem.partition("; ")[0], COPY_AGAIN)
        return None


def _check_file(
    audit: Audit,
    predictions: PredictionsFolder,
    store: Catalogue,
    file: PredictionFile,
    classes: Mapping[str, tuple[str, ...] | None],
) -> None:
    try:
        data = audit.objects.get(file.path)
    except FileNotFoundError:
        audit.seen(file.path, 0)
        audit.report(file.path, "missing", SCORE_AGAIN)
        return
    except StoreError as error:
        audit.seen(file.path, 0)
        audit.refused(file.path, error, READABLE)
        return
    audit.compared(file.path, len(data))
    if len(data) != file.bytes:
        audit.report(file.path, f"has {len(data)} bytes, listed with {file.bytes}", SCORE_AGAIN)
        return
    try:
        table = from_parquet(data, file.documents, probabilities=predictions.probabilities, classes=classes[file.head])
    except DamagedFile as error:
        audit.report(file.path, f"damaged: {error}", SCORE_AGAIN)
        return
    ids = _live_ids(store, file)
    if ids is not None and not table["doc_id"].equals(ids):
        audit.report(file.path, "holds other ids than the live ones of its segment", SCORE_AGAIN)


def _live_ids(store: Catalogue, file: PredictionFile) -> pa.ChunkedArray | None:
    """Ids that a file must hold; None if the store does not list its segment any more."""
    entry = store.listed.get(file.segment)
    if entry is None:
        return None
    try:
        if entry.deletions != file.deletions:
            if file.deletions is not None and store.objects.size(vector_path(file.deletions)) is None:
                return None
            entry = replace(entry, deletions=file.deletions, deleted=entry.documents - file.documents)
        return store.live_index(entry, ["doc_id"])["doc_id"]
    except StoreError:
        # The verification of the store reports this.
        return None
