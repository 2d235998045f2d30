"""Predictions from wherever they were written: a folder that backfill keeps, or a file that predict wrote."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from featurestore import StoreError, UsageError
from featurestore.addresses import Address
from featurestore.named_files import read_file
from featurestore.parquet import read_parquet
from pipelines.predictions import Predictions

ENDING = ".parquet"
"""Of the files that `predict` writes and that are read again: it tells an object from a folder."""


def read_predictions(source: str, head: str | None) -> tuple[str, pa.Table]:
    """Name of a head, and its predictions with at least ``doc_id`` and ``label``.

    Args:
        source: address of a predictions folder, or of a Parquet file of `predict`.
        head: ``task@digest``, or the task; may be None where there is one head only.

    Raises:
        UsageError: no predictions there, or not exactly one head that is meant.
    """
    path = Address.parse(source).local
    if source.endswith(ENDING) if path is None else path.is_file():
        return _from_file(source, head)
    return Predictions.open(source).read_one(head)


def _from_file(file: str, head: str | None) -> tuple[str, pa.Table]:
    try:
        table = read_parquet(read_file(file), file)
    except StoreError as error:
        raise UsageError(f"{file}: not a Parquet file that encore predict wrote") from error
    lacking = {"doc_id", "head", "label"} - set(table.column_names)
    if lacking:
        raise UsageError(
            f"{file}: no column {', '.join(sorted(lacking))}; columns there: {', '.join(table.column_names)}"
        )
    there = sorted(pc.unique(table["head"].cast(pa.string())).to_pylist())
    matches = [name for name in there if head in (None, name, name.rpartition("@")[0])]
    if len(matches) != 1:
        raise UsageError(f"{file}: name one head with --head; heads there: {', '.join(there) or 'none'}")
    return matches[0], table.filter(pc.equal(table["head"].cast(pa.string()), matches[0]))
