"""Reading predictions, from a folder of backfill or from a file of predict."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore import StoreError, UsageError
from encore.featurestore.format import read_parquet
from encore.featurestore.storage import Address, read_file
from encore.heads import Head
from encore.heads.labels import TrainingIds
from encore.pipelines.head_registry.head_copies import copy_training_ids
from encore.pipelines.predictions import PredictionsFolder, head_name

PREDICT_ENDING = ".parquet"
"""Ending of the files of `predict` that can be read again. In object storage it tells a file from a folder."""


@dataclass(frozen=True, eq=False)
class HeadPredictions:
    """The predictions of one head, with its classes and training documents.

    Attributes:
        head: ``task@digest``.
        table: its predictions, with at least ``doc_id`` and ``label``.
        classes: its classes; None where they are not known.
        trained_on: ids of its training documents; None where they are not known.
    """

    head: str
    table: pa.Table
    classes: tuple[str, ...] | None
    trained_on: TrainingIds | None


def read_predictions(source: str, head: str | None) -> HeadPredictions:
    """The predictions of one head.

    Args:
        source: address of a predictions folder, or of a Parquet file of `predict`.
        head: ``task@digest``, the task, or the head's directory, which must contain a slash. None takes the only head.

    Raises:
        UsageError: there are no predictions, or not exactly one head matches.
        StoreError: a file, or the head, is damaged.
    """
    if head is not None and "/" in head:
        # With a slash it is a directory: a task has no slash in its name.
        given = Head.load(head)
        found = _read(source, head_name(given))
        return replace(found, classes=given.classes, trained_on=given.trained_on)
    return _read(source, head)


def _read(source: str, head: str | None) -> HeadPredictions:
    path = Address.parse(source).local
    if source.endswith(PREDICT_ENDING) if path is None else path.is_file():
        return _from_file(source, head)
    predictions = PredictionsFolder.open(source)
    name, table = predictions.read_one(head)
    return HeadPredictions(name, table, _classes(table), copy_training_ids(predictions.objects, name))


def _from_file(file: str, head: str | None) -> HeadPredictions:
    try:
        table = read_parquet(read_file(file), file)
    except StoreError as error:
        raise UsageError(
            f"{file}: is no Parquet file that encore predict wrote;"
            " give such a file, or a folder that encore backfill wrote"
        ) from error
    lacking = {"doc_id", "head", "label"} - set(table.column_names)
    if lacking:
        raise UsageError(
            f"{file}: no column {', '.join(sorted(lacking))}; columns there: {', '.join(table.column_names)}"
        )
    return predictions_of_table(table, head, file)


def predictions_of_table(table: pa.Table, head: str | None, source: str) -> HeadPredictions:
    """The predictions of one head in a table of `predict`.

    Args:
        table: with at least ``doc_id``, ``head`` and ``label``.
        head: as in `read_predictions`, but not a directory.
        source: name of the table in the message.

    Raises:
            UsageError: not exactly one head matches.
    """
    there = sorted(pc.unique(table["head"].cast(pa.string())).to_pylist())
    matches = [name for name in there if head in (None, name, name.rpartition("@")[0])]
    if len(matches) != 1:
        raise UsageError(f"{source}: name one head; heads there: {', '.join(there) or 'none'}")
    rows = table.filter(pc.equal(table["head"].cast(pa.string()), matches[0]))
    # In a file of several heads, all share one dictionary of labels.
    return HeadPredictions(matches[0], rows, _classes(rows) if len(there) == 1 else None, None)


def _classes(table: pa.Table) -> tuple[str, ...] | None:
    """The classes of the head, from the dictionary of labels. Encore writes it whole, in the order of the classes."""
    label = table["label"]
    if not pa.types.is_dictionary(label.type) or not label.num_chunks:
        return None
    return tuple(max((chunk.dictionary for chunk in label.chunks), key=len).cast(pa.string()).to_pylist())
