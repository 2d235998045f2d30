"""Reading the JSON files of an encoder's folder, with errors that name the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from encore.encoders.files.sources import EncoderFiles
from encore.featurestore.errors import UsageError


def read_object(files: EncoderFiles, name: str) -> dict[str, Any] | None:
    """Read the JSON object in the file ``name`` of an encoder; None where there is no such file.

    Raises:
        UsageError: the file cannot be read, or does not hold a JSON object.
    """
    if not (files.folder / name).is_file():
        return None
    try:
        document = json.loads((files.folder / name).read_text(encoding="utf-8"))
    except OSError as error:
        raise _broken(files, name, f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _broken(files, name, "is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise _broken(files, name, f"is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _broken(files, name, "is not a JSON object")
    return document


def check_json_objects(files: EncoderFiles, names: Sequence[str]) -> None:
    """Raise UsageError where one of these files exists and holds no JSON object."""
    for name in names:
        read_object(files, name)


def _broken(files: EncoderFiles, name: str, fault: str) -> UsageError:
    return files.refusal(f"its {name} {fault}; mend it, or fetch the encoder again")
