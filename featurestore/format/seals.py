"""JSON documents that carry their own checksum, so that no byte of them can change unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from encore.featurestore.errors import RESTORE, StoreError


def parse_json(data: bytes) -> Any:
    """The value of some JSON; raises ValueError if the bytes are not JSON, or are nested too deeply to be read."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deeply") from error


def seal(document: Mapping[str, Any]) -> bytes:
    """JSON of the document, with the sha256 of the JSON without it as ``checksum``."""
    checksum = hashlib.sha256(_json(document)).hexdigest()
    return _json({**document, "checksum": checksum})


def unseal(document: Mapping[str, Any], data: bytes, name: str) -> dict[str, Any]:
    """The document without its checksum.

    Args:
        document: the JSON value of ``data``.
        data: the bytes that were read.
        name: the object's, for the error.

    Raises:
        StoreError: the bytes are not those that were sealed.
    """
    opened = {key: value for key, value in document.items() if key != "checksum"}
    if not _is_sealed(opened, data):
        raise StoreError(f"{name}: damaged: its bytes do not match the checksum in it; {RESTORE}")
    return opened


def _is_sealed(opened: Mapping[str, Any], data: bytes) -> bool:
    try:
        return seal(opened) == data
    except RecursionError:
        # JSON that can just be read may be nested too deeply to be written.
        return False


def is_of_another_format(data: bytes, version: int) -> bool:
    """Whether a JSON document is of another format version than ``version``, and not just damaged."""
    try:
        document = parse_json(data)
        opened = {key: value for key, value in document.items() if key != "checksum"}
        sealed: bool = hashlib.sha256(_json(opened)).hexdigest() == document["checksum"]
        return sealed and document["format_version"] != version
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=1).encode()
