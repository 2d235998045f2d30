"""Searching all bytes of a folder: as they lie there, and as Parquet and Zarr readers decode them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from encore.featurestore.storage.objects import Objects

ATTEMPT = re.compile(r"((?:.*/)?segments/[0-9a-f]{32}/[^/]+)/(.+)")


def all_files(objects: Objects) -> dict[str, bytes]:
    """Path → bytes of everything there; of a local folder also what no listing of objects shows."""
    if "://" in objects.uri or not Path(objects.uri).is_dir():
        return {path: objects.get(path) for path, _ in objects.walk()}
    root = Path(objects.uri)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def traces(files: Mapping[str, bytes], needles: Mapping[str, bytes]) -> set[tuple[str, str]]:
    """(needle, path) wherever a needle is found, in a path's own name too."""
    found = set()
    for path, views in _views(files):
        for view in views:
            found |= {(name, path) for name, needle in needles.items() if needle in view}
    return found


def _views(files: Mapping[str, bytes]) -> Iterator[tuple[str, list[bytes]]]:
    groups: dict[str, dict[str, bytes]] = {}
    for path, data in files.items():
        views = [path.encode(), data]
        if data[:4] == b"PAR1" and data[-4:] == b"PAR1":
            views += list(_parquet_values(data))
        yield path, views
        if match := ATTEMPT.fullmatch(path):
            groups.setdefault(match[1], {})[match[2]] = data
    for path, members in groups.items():
        yield path, list(_zarr_values(members))


def _parquet_values(data: bytes) -> Iterator[bytes]:
    """All values, what a dictionary page holds and no row uses, and the statistics."""
    file = pq.ParquetFile(pa.BufferReader(data))
    names = file.schema_arrow.names
    for table in (file.read(), pq.read_table(pa.BufferReader(data), read_dictionary=names)):
        for column in table.columns:
            for chunk in column.chunks:
                values = chunk.dictionary if isinstance(chunk, pa.DictionaryArray) else chunk
                yield b"\0".join(_as_bytes(value) for value in values.to_pylist())
    for group in range(file.metadata.num_row_groups):
        for number in range(file.metadata.num_columns):
            statistics = file.metadata.row_group(group).column(number).statistics
            if statistics is not None and statistics.has_min_max:
                yield _as_bytes(statistics.min) + b"\0" + _as_bytes(statistics.max)
    yield repr(file.schema_arrow.metadata).encode()


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _zarr_values(members: Mapping[str, bytes]) -> Iterator[bytes]:
    """Every array of a group as its decoded numbers; what is unfinished has only its raw bytes."""
    buffer = default_buffer_prototype().buffer
    memory = MemoryStore({path: buffer.from_bytes(data) for path, data in members.items()})
    for name in ("features", "offsets"):
        if f"{name}/zarr.json" in members:
            array = zarr.open_array(memory, path=name, mode="r")
            yield np.asarray(array[:]).tobytes()
