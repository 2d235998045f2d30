"""Which prediction files lie in a folder, whatever its lists say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from encore.featurestore.format import ROWS, end_of, footer_of, parse_footer
from encore.featurestore.storage import REQUESTS_AT_ONCE, Listed, Objects
from encore.pipelines.predictions.files import PREDICTION_FILE, PredictionFile

ASKED_ONE_BY_ONE = 100
"""Files of one head that are looked for by a request each; for more of them all that the head has is listed."""


def files_of(objects: Objects, heads: Iterable[str]) -> dict[str, Listed]:
    """Path → prediction file, of all that lie there of these heads; one listing a head."""

    def look(head: str) -> list[Listed]:
        return [stored for stored in objects.listing(f"head={head}") if PREDICTION_FILE.fullmatch(stored.path)]

    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return {stored.path: stored for found in pool.map(look, sorted(set(heads))) for stored in found}


def lost_files(objects: Objects, files: Sequence[PredictionFile]) -> list[PredictionFile]:
    """Those of these files that are not there, or of another size."""
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
    objects: Objects, listed: Iterable[PredictionFile], there: Mapping[str, Listed]
) -> list[PredictionFile]:
    """Listed files that can be had, as far as can be told without reading them.

    Each is there with the size that is listed. On a disk, where it costs next to nothing, the end of each is read too:
    it says how many rows there are, and a crash leaves it out first.

    Args:
        objects: of the folder.
        listed: files of the newest version.
        there: what lies there of their heads, by its path.
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
            # Not by pyarrow, which some damaged footers end with the process.
            footer = parse_footer(footer_of(end_of(file, path.stat().st_size)))
    except (pa.ArrowException, OSError):
        return False
    return bool(footer.get(ROWS) == documents)
