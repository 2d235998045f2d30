"""`store.json`: what a store says of itself, made with the store and never changed."""

from __future__ import annotations

import uuid
from importlib.metadata import version
from typing import Any

from encore.featurestore.errors import RESTORE, StoreError, UsageError
from encore.featurestore.format import FORMAT_VERSION, parse_json, require_version, seal, unseal
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.storage import Objects

STORE_FILE = "store.json"


def require_no_snapshots(objects: Objects) -> None:
    """Check that a folder without ``store.json`` is not a store that lost it: encode would make another store of it.

    Raises:
        StoreError: it has snapshots.
    """
    if next(objects.walk("manifests"), None) is not None:
        raise StoreError(f"{objects.name(STORE_FILE)}: missing; {RESTORE}")


def create_store_file(objects: Objects, spec: FeatureSpec) -> None:
    """Make a store, unless one is there.

    Raises:
        StoreError: a link lies in the folder, it has snapshots but no ``store.json``, or storage overwrites what it is
            to create.
    """
    objects.require_no_links()
    if objects.size(STORE_FILE) is None:
        require_no_snapshots(objects)
        objects.require_creates()
    objects.create(STORE_FILE, store_file_of(spec, uuid.uuid4().hex))


def store_file_of(spec: FeatureSpec, store_id: str) -> bytes:
    """`store.json` of a store of these features.

    Args:
        spec: calibrated.
        store_id: the store's name to its predictions.
    """
    return seal(
        {
            "format": "encore-store",
            "format_version": FORMAT_VERSION,
            "store_id": store_id,
            "fingerprint": spec.fingerprint,
            "spec": spec.to_dict(),
            "created_by": {name: version(name) for name in ("encore-featurestore", "torch", "zarr", "pyarrow")},
        }
    )


def read_spec(objects: Objects) -> FeatureSpec | None:
    """The spec of the store at this root; None where there is no store.

    Raises:
        StoreError: ``store.json`` is damaged, of a newer format, or does not match its own fingerprint.
    """
    document, name = _read_document(objects), objects.name(STORE_FILE)
    if document is None:
        return None
    try:
        spec = FeatureSpec.from_dict(document["spec"])
        fingerprint = spec.fingerprint
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, ArithmeticError, UsageError) as error:
        raise StoreError(f"{name}: damaged: the spec cannot be read: {error}; {RESTORE}") from error
    if fingerprint != document.get("fingerprint"):
        raise StoreError(f"{name}: damaged: the spec does not match its fingerprint; {RESTORE}")
    return spec


def require_spec(objects: Objects) -> FeatureSpec:
    """The spec of the store at this root.

    Raises:
        UsageError: there is no store.
        StoreError: as `read_spec`, or ``store.json`` is gone from a store that has snapshots.
    """
    spec = read_spec(objects)
    if spec is None:
        require_no_snapshots(objects)
        raise UsageError(f"{objects.uri}: no store here (no {STORE_FILE}); encore encode makes one")
    return spec


def read_store_id(objects: Objects) -> str:
    """Random name that a store was given when it was made.

    Raises:
        StoreError: ``store.json`` is missing, damaged, or of a newer format.
    """
    document = _read_document(objects)
    if document is None:
        raise StoreError(f"{objects.name(STORE_FILE)}: missing; {RESTORE}")
    store_id: str = document["store_id"]
    return store_id


def _read_document(objects: Objects) -> dict[str, Any] | None:
    name = objects.name(STORE_FILE)
    try:
        data = objects.get(STORE_FILE)
        document = parse_json(data)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StoreError(f"{name}: damaged: {error}; {RESTORE}") from error
    found = document.get("format_version") if isinstance(document, dict) else None
    if not isinstance(found, int):
        raise StoreError(f"{name}: damaged: not the description of a store; {RESTORE}")
    require_version(found, name)
    opened = unseal(document, data, name)
    if not isinstance(opened.get("store_id"), str):
        raise StoreError(f"{name}: damaged: gives the store no id; {RESTORE}")
    return opened
