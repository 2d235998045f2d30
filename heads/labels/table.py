"""Labels of documents: a class name for each id, each id once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.common import counted
from encore.featurestore.errors import DataError, UsageError
from encore.heads.labels.normal_form import in_order, named_twins, near_twins, normal_labels
from encore.tablefiles.names import shown_name

VALUES_NAMED = 5
"""Most values that a message names; of more it says how many."""

logger = logging.getLogger("encore")


@dataclass(frozen=True)
class Labels:
    """Labelled documents, in the order of their table.

    Attributes:
        doc_ids: ids (string), each once.
        labels: class names (string) in the normal form (`encore.heads.labels.normal_form`), never null or empty.
        source: where they come from, for messages.
        repeated: number of rows left out because they repeat another row.
        blank: number of rows left out because they have no id or no label.
    """

    doc_ids: pa.StringArray
    labels: pa.StringArray
    source: str
    repeated: int = 0
    blank: int = 0

    @classmethod
    def from_table(cls, table: pa.Table, id_column: str, label_column: str, source: str) -> Labels:
        """Make labels from two columns of a table.

        Both columns hold text or integers, which become decimal text; labels may also be booleans. Labels are brought
        into their normal form, and a warning names near-twins among them. Ids stay as they are.

        Args:
            table: any table.
            id_column: name of the column of ids.
            label_column: name of the column of labels.
            source: where the table comes from, for messages.

        Raises:
            UsageError: a column is missing or cannot be taken as text.
            DataError: a document has two labels.
        """
        ids = text_column(table, id_column, source)
        labels = label_column_of(text_column(table, label_column, source), source)
        full = pc.and_(*(pc.and_(part.is_valid(), pc.not_equal(part, "").fill_null(False)) for part in (ids, labels)))
        rows = pa.table({"doc_id": ids, "label": labels}).filter(full)
        place = pa.array(np.arange(rows.num_rows))
        pairs = rows.append_column("place", place).group_by(["doc_id", "label"]).aggregate([("place", "min")])
        # group_by returns groups in any order. Sort them by first row, so that a table always trains the same head.
        pairs = pairs.sort_by("place_min")
        doc_ids, names = (pairs[column].combine_chunks() for column in ("doc_id", "label"))
        _refuse_contradictions(doc_ids, names, source)
        return cls(
            doc_ids,
            names,
            source,
            repeated=rows.num_rows - pairs.num_rows,
            blank=table.num_rows - rows.num_rows,
        )

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.doc_ids)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that occur, in the order of `in_order`."""
        return in_order(pc.unique(self.labels).to_pylist())

    def counts(self, classes: Sequence[str]) -> npt.NDArray[np.int64]:
        """(classes,) documents of each class."""
        return np.bincount(self.codes(classes), minlength=len(classes))

    def codes(self, classes: Sequence[str]) -> npt.NDArray[np.int64]:
        """(documents,) position of each label in ``classes``, compared in their normal form.

        Raises:
            DataError: a label is not in ``classes``.
        """
        codes = pc.index_in(self.labels, value_set=normal_labels(pa.array(classes, pa.string())))
        if codes.null_count:
            strange = pc.unique(self.labels.filter(codes.is_null())).to_pylist()
            raise DataError(
                f"{self.source}: classes {named_classes(strange)} are not among {named_classes(classes)}"
                f"{written_otherwise(strange, classes)}"
            )
        return codes.to_numpy().astype(np.int64)  # type: ignore[no-any-return]

    def filter(self, mask: npt.NDArray[np.bool_] | pa.BooleanArray) -> Labels:
        """The documents where ``mask`` holds."""
        kept = mask if isinstance(mask, pa.Array) else pa.array(mask)
        return replace(self, doc_ids=self.doc_ids.filter(kept), labels=self.labels.filter(kept))

    def partition(self, stored: npt.NDArray[np.bool_]) -> tuple[Labels, Labels]:
        """Labels of the stored documents, and labels of the others. ``stored`` is (documents,) bool."""
        return self.filter(stored), self.filter(~stored)


def named(values: pa.Array | pa.ChunkedArray) -> str:
    """The first few values and the number of the others, for a message."""
    first = ", ".join(map(str, values[:VALUES_NAMED].to_pylist()))
    return first if len(values) <= VALUES_NAMED else f"{first} and {len(values) - VALUES_NAMED:,} more"


def named_classes(classes: Iterable[object]) -> str:
    """The first few classes and the number of the others, for a message."""
    return named(pa.array([shown_name(str(each)) for each in classes], pa.string()))


def blanks_around(doc_ids: pa.Array) -> str:
    """An addition to a message about missing ids: a hint if some have white space around them, else empty."""
    trimmed = pc.utf8_trim_whitespace(doc_ids)
    return "; white space around an id is part of it" if pc.any(pc.not_equal(trimmed, doc_ids)).as_py() else ""


def written_otherwise(strange: Iterable[str], classes: Iterable[str]) -> str:
    """An addition to a message about unknown labels: names those that are near-twins of classes, else empty."""
    twins = near_twins(strange, classes)
    return f" (written otherwise: {named_twins(twins)})" if twins else ""


def label_column_of(texts: pa.ChunkedArray, source: str) -> pa.ChunkedArray:
    """Bring labels into their normal form. A warning names near-twins among them.

    Args:
        texts: labels as their file has them; may hold nulls.
        source: where they come from, for the warning.
    """
    labels = normal_labels(texts)
    twins = near_twins(pc.unique(labels).drop_null().to_pylist())
    if twins:
        logger.warning(
            "%s: classes that are nearly the same: %s; if they are one class, write them alike",
            source,
            named_twins(twins),
        )
    return labels


def _refuse_contradictions(doc_ids: pa.StringArray, labels: pa.StringArray, source: str) -> None:
    counts = pc.value_counts(doc_ids)
    torn = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(torn):
        example = torn[0]
        given = labels.filter(pc.equal(doc_ids, example)).to_pylist()
        raise DataError(
            f"{source}: {counted(len(torn), 'document')} with more than one label ({named(torn)}; {example} is "
            f"{' and '.join(map(shown_name, given))}); keep one label for each"
        )


def text_column(table: pa.Table, name: str, source: str) -> pa.ChunkedArray:
    """A column of text, integers or booleans as strings. Raise UsageError if it is missing or of another type."""
    there = ", ".join(table.column_names) or "none"
    if table.column_names.count(name) != 1:
        problem = "no column" if name not in table.column_names else "more than one column"
        raise UsageError(f"{source}: {problem} {name}; columns there: {there}")
    column = table[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kinds = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_integer,
        pa.types.is_boolean,
    )
    if not (pa.types.is_null(column.type) or any(kind(column.type) for kind in kinds)):
        advice = "; cast whole numbers to integers" if pa.types.is_floating(column.type) else ""
        raise UsageError(f"{source}: column {name} holds {column.type}; expected text or integers{advice}")
    return column.cast(pa.string())
