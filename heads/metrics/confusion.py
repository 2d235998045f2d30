"""A sparse confusion matrix: numbers of documents by true and predicted class, without the empty cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FIELDS = ("truth", "predicted", "documents")


@dataclass(frozen=True)
class Confusion:
    """The non-empty cells of a confusion matrix, sorted by true class, then by predicted class.

    There are at most as many as documents. The full matrix of thousands of classes would be millions of zeros.

    Attributes:
        classes: number of classes.
        truth: (cells,) position of the true class.
        predicted: (cells,) position of the predicted class.
        documents: (cells,) documents in the cell, at least one.

    Raises:
        ValueError: the cells are not those of such a matrix.
    """

    classes: int
    truth: tuple[int, ...]
    predicted: tuple[int, ...]
    documents: tuple[int, ...]

    def __post_init__(self) -> None:
        columns = [getattr(self, field) for field in FIELDS]
        # type() and not isinstance(): True is an int too.
        if any(type(value) is not int for column in columns for value in column):
            raise ValueError("the confusion matrix holds a value that is not a whole number")
        cells = list(zip(self.truth, self.predicted, strict=True))
        if cells != sorted(set(cells)):
            raise ValueError("the cells of the confusion matrix are out of order, or one comes twice")
        if any(not 0 <= place < self.classes for cell in cells for place in cell):
            raise ValueError(f"a cell of the confusion matrix lies outside the {self.classes} classes")
        if len(self.documents) != len(cells) or any(not 0 < count < 2**63 for count in self.documents):
            raise ValueError("a cell of the confusion matrix has no valid number of documents")

    @classmethod
    def of(cls, truth: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int) -> Confusion:
        """Count documents, given the positions (documents,) of their true and their predicted classes."""
        cells, documents = np.unique(truth * classes + predicted, return_counts=True)
        return cls(classes, *(tuple(column.tolist()) for column in (*np.divmod(cells, max(1, classes)), documents)))

    @classmethod
    def from_json(cls, document: Any, classes: int) -> Confusion:
        """Inverse of `to_json`.

        Raises:
            ValueError, KeyError, TypeError: it is not a confusion matrix of this many classes.
        """
        return cls(classes, *(tuple(document[field]) for field in FIELDS))

    def to_json(self) -> dict[str, list[int]]:
        """JSON: the columns `truth`, `predicted` and `documents`."""
        return {field: list(getattr(self, field)) for field in FIELDS}

    def to_rows(self) -> list[list[int]]:
        """The full matrix (classes, classes), one row for each true class. Use it for few classes."""
        rows = [[0] * self.classes for _ in range(self.classes)]
        for row, column, count in zip(self.truth, self.predicted, self.documents, strict=True):
            rows[row][column] = count
        return rows

    @property
    def cells(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(cells,) true classes, predicted classes, documents."""
        truth, predicted, documents = (np.array(getattr(self, field), np.int64) for field in FIELDS)
        return truth, predicted, documents
