"""The history of a store: the versions of its segment list."""

from __future__ import annotations

from encore.featurestore.history.versions import VersionLog
from encore.featurestore.segments import ENTRY_SCHEMA, entry_problem
from encore.featurestore.storage import Objects


def version_log(objects: Objects) -> VersionLog:
    """Every version of a store's segment list."""
    return VersionLog(objects, ENTRY_SCHEMA, ("segment",), entry_problem)
