"""The columns of an export: their names, types and values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore import UsageError
from encore.pipelines.predictions import PROBABILITIES, with_classes, with_classes_type

DOC_ID = pa.field("doc_id", pa.string(), nullable=False)


@dataclass(frozen=True)
class HeadColumns:
    """The columns of one head.

    Attributes:
        head: its full name, ``task@digest``.
        prefix: start of the names of its columns.
        classes: in the order of its probabilities; None where probabilities are not exported.
    """

    head: str
    prefix: str
    classes: tuple[str, ...] | None

    @property
    def fields(self) -> list[pa.Field]:
        """Label, score, and each class's probability where these are exported. Without a prediction all are null."""
        fields = [pa.field(f"{self.prefix}_label", pa.string()), pa.field(f"{self.prefix}_score", pa.float32())]
        if self.classes is not None:
            fields.append(pa.field(f"{self.prefix}_{PROBABILITIES}", with_classes_type(self.classes)))
        return fields

    def columns(self, ids: pa.Array, predicted: pa.Table | None) -> pa.Table:
        """The head's columns for these documents. Probabilities are lists, as in the prediction files.

        Args:
            ids: of the documents.
            predicted: rows of a prediction file in any order; None without one.
        """
        columns = ["label", "score", *(() if self.classes is None else (PROBABILITIES,))]
        names = [field.name for field in self.fields]
        if predicted is None:
            types = [pa.string(), pa.float32(), pa.list_(pa.float32())]
            return pa.table([pa.nulls(len(ids), it) for it in types[: len(names)]], names=names)
        held = predicted["doc_id"].combine_chunks()
        rows = predicted.select(columns)
        rows = rows.set_column(0, "label", rows["label"].cast(pa.string()))
        if not held.equals(ids):
            rows = rows.take(pc.index_in(ids, value_set=held))
        return rows.rename_columns(names)

    def arrays(self, rows: pa.Table) -> list[pa.Array]:
        """The arrays of `fields`, for rows of a table that `columns` made."""
        arrays = [rows[field.name].combine_chunks() for field in self.fields]
        return arrays if self.classes is None else [*arrays[:-1], with_classes(arrays[-1], self.classes)]


def prefixes(heads: Sequence[str]) -> dict[str, str]:
    """Head → start of its column names: its task. If another head's task differs at most by case, also its digest."""
    tasks = Counter(head.rpartition("@")[0].casefold() for head in heads)
    return {
        head: task if tasks[task.casefold()] == 1 else f"{task}_{digest}"
        for head in heads
        for task, _, digest in [head.rpartition("@")]
    }


def schema_of(kept: pa.Schema, heads: Sequence[HeadColumns]) -> pa.Schema:
    """All columns of an export.

    Raises:
        UsageError: the names of two columns differ at most by case. SQL engines would read the first for both, and give
            no error.
    """
    fields = [DOC_ID, *kept, *(field for head in heads for field in head.fields)]
    names: dict[str, list[str]] = {}
    for field in fields:
        names.setdefault(field.name.casefold(), []).append(field.name)
    twice = [" and ".join(dict.fromkeys(twins)) for twins in names.values() if len(twins) > 1]
    if twice:
        raise UsageError(
            f"two columns would be called {', '.join(twice)}, which SQL takes for one name; choose the kept columns "
            "to export (columns)"
        )
    return pa.schema(fields)


def chosen(kept: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    """The kept columns that are asked for, in that order; None asks for all.

    Raises:
        UsageError: the store has no such column.
    """
    missing = [name for name in columns or () if name not in kept.names]
    if missing:
        there = ", ".join(kept.names) or "none"
        raise UsageError(f"no kept column {', '.join(missing)}; the store keeps {there}")
    return kept if columns is None else pa.schema([kept.field(name) for name in dict.fromkeys(columns)])
