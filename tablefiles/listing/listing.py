"""What listing finds: files that are read, and what lies beside them and is not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from encore.tablefiles.files import TableFile

HIDDEN = (".", "_")
"""A name in a folder that begins like this is bookkeeping (``_SUCCESS``, ``.crc``), as in Arrow's and Spark's data
sets."""

BOOKKEEPING = frozenset({"dataset_info.json", "dataset_dict.json"})
"""What the Hugging Face ``datasets`` library writes beside its files: it describes rows and holds none."""
STATE = "state.json"
"""Another such file, but only beside one of those; elsewhere it may be a user's."""

OWN_FOLDERS: dict[frozenset[str], str] = {
    frozenset({"store.json", "manifests"}): "a feature store",
    frozenset({"predictions.json", "manifests"}): "predictions",
    frozenset({"head.json", "weights.safetensors"}): "a trained head",
}
"""Names that a folder holds → what it then is: nothing below it is a table of the user's."""

EMPTY_FILE = "it is empty: 0 bytes"
UNKNOWN_ENDING = "unknown ending"


@dataclass(frozen=True)
class UnreadPath:
    """What lies in a folder that was named and is not read.

    Attributes:
        uri: the file or folder.
        reason: why it is not read.
    """

    uri: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """What some inputs stand for.

    Attributes:
        files: what is read, sorted by uri.
        unread: what is not read but may hold rows, sorted by uri. Bookkeeping and what Encore wrote itself
            (`OWN_FOLDERS`) are in neither list.
    """

    files: tuple[TableFile, ...]
    unread: tuple[UnreadPath, ...] = ()


@dataclass(frozen=True)
class FoundFile:
    """A file that one input stands for.

    Attributes:
        uri: absolute path or URL.
        bytes: its size.
        folder: path of its folder below the input, or as the user named it; partitions are looked for in it.
    """

    uri: str
    bytes: int
    folder: str


def is_bookkeeping(name: str, beside: Collection[str]) -> bool:
    """Whether a file or folder of this name, in a folder of these names that is listed, holds no rows."""
    return name.startswith(HIDDEN) or name in BOOKKEEPING or (name == STATE and not BOOKKEEPING.isdisjoint(beside))


def is_own_folder(names: frozenset[str]) -> bool:
    """Whether a folder that holds these names is something that Encore wrote."""
    return any(marks <= names for marks in OWN_FOLDERS)
