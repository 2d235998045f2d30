"""Which snapshot a store is opened at."""

from __future__ import annotations

from encore.featurestore.errors import SnapshotGone
from encore.featurestore.history.log import version_log
from encore.featurestore.history.tags import snapshot_number
from encore.featurestore.history.torn_writes import require_lists
from encore.featurestore.history.versions import LOOKS, Manifest, VersionLog
from encore.featurestore.storage import Objects


def manifest_to_read(objects: Objects, snapshot: int | str | None = None) -> Manifest:
    """Manifest of the newest snapshot, or of one that is given by number or by tag.

    Raises:
        UsageError: no such snapshot or tag.
        StoreError: the manifest, or a list of the newest snapshot, is damaged or gone.
    """
    log = version_log(objects)
    if snapshot is None:
        return _newest(log)
    number = snapshot_number(objects, snapshot)
    # If an interrupted removal had begun to take a tagged snapshot, all of its objects are still there.
    by_tag = isinstance(snapshot, str) and not snapshot.isdigit()
    return log.at(number, taken=by_tag)


def _newest(log: VersionLog) -> Manifest:
    """The newest snapshot, whose lists are checked to be there; a vacuum may remove one that has followers by now."""
    for _ in range(LOOKS):
        manifest = log.latest()
        try:
            require_lists(log.objects, manifest)
        except SnapshotGone:
            continue
        return manifest
    return log.latest()
