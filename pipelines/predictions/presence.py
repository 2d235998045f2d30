"""Which prediction files exist in a folder, whether they are listed or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from encore.featurestore.format import ROWS, end_of, footer_of, parse_footer
from encore.featurestore.storage import REQUESTS_AT_ONCE, ListedObject, Objects
from encore.pipelines.predictions.files import PREDICTION_FILE, PredictionFile

ASKED_ONE_BY_ONE = 100
"""Up to this many files of a head are checked by one request each. For more, all files of the head are listed."""


def files_of(objects: Objects, heads: Iterable[str]) -> dict[str, ListedObject]:
    """Path → prediction file, of all existing files of these heads. Takes one listing a head."""

    def look(head: str) -> list[ListedObject]:
        return [stored for stored in objects.listing(f"head={head}") if PREDICTION_FILE.fullmatch(stored.path)]

    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return {stored.path: stored for found in pool.map(look, sorted(set(heads))) for stored in found}


def lost_files(objects: Objects, files: Sequence[PredictionFile]) -> list[PredictionFile]:
    """The files that are missing, or have another size."""
    by_head: dict[str, list[PredictionFile]] = {}
    for file in files:
        by_head.setdefault(file.head, []).append(file)
    many = [head for head, found in by_head.items() if len(found) > ASKED_ONE_BY_ONE]
    sizes: dict[str, int | None] = {path: stored.size for path, stored in files_of(objects, many).items()}
    few = [file.path for head, found in by_head.items() if head not in many for file in found]
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        sizes |= zip(few, pool.map(objects.size, few), strict=True)
    return [file for file in files if sizes.get(file.path) != file.bytes]


def sound_files(
    objects: Objects, listed: Iterable[PredictionFile], there: Mapping[str, ListedObject]
) -> list[PredictionFile]:
    """Listed files that seem sound without reading them whole.

    Each exists with the listed size. On a disk the footer of each is read too, which costs little there. The footer
    has the number of rows, and is the first part to be missing after a crash.

    Args:
        objects: of the folder.
        listed: files of the newest version.
        there: existing files of their heads, by path.
    """
    present = [file for file in listed if file.path in there and there[file.path].size == file.bytes]
    if not objects.on_disk:
        return present
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        readable = pool.map(lambda file: _ends_well(Path(objects.uri, file.path), file.documents), present)
        return [file for file, well in zip(present, readable, strict=True) if well]


def _ends_well(path: Path, documents: int) -> bool:
    try:
        with path.open("rb") as file:
            # Not read with pyarrow: some damaged footers make it crash the process.
            footer = parse_footer(footer_of(end_of(file, path.stat().st_size)))
    except (pa.ArrowException, OSError):
        return False
    return bool(footer.get(ROWS) == documents)
