"""The handle of a folder of predictions."""

from __future__ import annotations

from os import PathLike

import pyarrow as pa

from encore.api.results.evaluate import PredictionSet, name_of
from encore.api.results.report import Report
from encore.featurestore.common import several
from encore.featurestore.summary import Summary, SummaryMixin
from encore.heads.artefact import Head
from encore.pipelines.head_registry import HeadPredictions, read_predictions
from encore.pipelines.predictions import PredictionsFolder


class Predictions(SummaryMixin, PredictionSet):
    """Predictions of heads for the documents of a store, in a folder that `encore.backfill` keeps up to date.

    Each call reads the newest version of the folder.

    Attributes:
        report: report of the backfill that returned this handle; None if it was opened.
    """

    def __init__(self, folder: PredictionsFolder, report: Report | None = None) -> None:
        """Made by `encore.backfill` and `encore.open_predictions`, not by a user."""
        self._folder = folder
        self.report = report

    @property
    def uri(self) -> str:
        """URI of the folder."""
        return self._folder.objects.uri

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads with predictions, as ``task@digest``."""
        return tuple(self._folder.heads())

    def to_arrow(self, head: str | Head | None = None) -> pa.Table:
        """All predictions of one head.

        Args:
            head: its task, ``task@digest``, or the `Head`. None takes the only head.

        Returns:
            One row a document: ``doc_id``, ``label``, ``score`` (the label's probability), and, if backfill kept them,
            ``probabilities``, a list in the order of the head's classes.

        Raises:
            UsageError: no such head, or several of that task.
            StoreError: a file is missing or damaged.
        """
        return self._folder.read_one(name_of(head))[1]

    def addresses(self, head: str | Head | None = None) -> list[str]:
        """The Parquet files of the newest version, for SQL engines and data frames. ``head`` None means all heads."""
        return self._folder.addresses(name_of(head))

    def of_head(self, head: str | None) -> HeadPredictions:
        """The predictions of one head, by its task, ``task@digest`` or folder. None takes the only head."""
        return read_predictions(self.uri, head)

    def _summary(self) -> Summary:
        files = self._folder.files()
        counts = {
            name: sum(it.documents for it in files if it.head == name) for name in sorted({it.head for it in files})
        }
        probabilities = "of every class" if self._folder.probabilities else "of the label alone"
        return Summary(
            kind="Predictions",
            name=self.uri.rstrip("/").rpartition("/")[2],
            facts=[f"{name} of {count:,} documents" for name, count in counts.items()],
            rows=[("predictions", self.uri), ("probabilities", probabilities)],
            columns=("head", "documents"),
            table=[(name, f"{count:,}") for name, count in counts.items()],
        )


def open_predictions(predictions: str | PathLike[str]) -> Predictions:
    """Open a folder of predictions that `encore.backfill` or ``encore backfill`` wrote.

    Args:
        predictions: a folder, or an ``s3://``, ``gs://`` or ``az://`` URL.

    Raises:
        UsageError: there are no predictions.
        StoreError: the folder's own document is damaged, or of a newer format.
    """
    return Predictions(PredictionsFolder.open(several(predictions, "predictions", "str")[0]))
