"""`encore.predict`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from encore.api.arguments.heads import Heads, given_heads
from encore.api.arguments.tables import ArrowTable, Corpus, corpus_files, corpus_parts, is_table
from encore.api.arguments.types import typed
from encore.api.results.evaluate import PredictionSet, name_of
from encore.featurestore.common import several
from encore.featurestore.summary import Summary, SummaryMixin
from encore.heads.artefact import Head
from encore.pipelines.corpus import CorpusColumns
from encore.pipelines.dead_letters import dead_letter_table
from encore.pipelines.head_registry import HeadPredictions, load_heads, predictions_of_table
from encore.pipelines.predict_job import PredictRequest
from encore.pipelines.predict_job import predict as run_predict
from encore.pipelines.predictions import head_name
from encore.tablefiles import TextOptions

SHOWN = 10
"""The most predictions that a notebook shows."""


@dataclass(frozen=True, eq=False, repr=False)
class Predicted(SummaryMixin, PredictionSet):
    """Predictions of heads for new texts.

    It converts to a data frame: ``polars.DataFrame(predicted)``, ``predicted.to_arrow().to_pandas()``.

    Attributes:
        table: a row for each text and head: ``doc_id``, ``head`` (``task@digest``), ``label``, ``score``, and
            ``probabilities`` if asked for, a map from class to probability.
        rejected: texts that could not be encoded: ``doc_id``, ``file``, ``row``, ``stage``, ``reason``.
        heads: that predicted.
    """

    table: pa.Table
    rejected: pa.Table
    heads: tuple[Head, ...]

    def __str__(self) -> str:
        return self._summary().text()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The table, by Arrow's PyCapsule protocol."""
        return self.table.__arrow_c_stream__(requested_schema)

    def to_arrow(self, head: str | Head | None = None) -> pa.Table:
        """The table, or the rows of one head, given by its task, ``task@digest``, or the `Head`.

        Raises:
            UsageError: no such head.
        """
        if head is None:
            return self.table
        return self.of_head(name_of(head)).table

    def of_head(self, head: str | None) -> HeadPredictions:
        """The predictions of one head, by its task, ``task@digest`` or folder. None takes the only head."""
        found = predictions_of_table(self.table, head, "predictions")
        known = {head_name(it): it for it in self.heads}[found.head]
        return replace(found, classes=known.classes, trained_on=known.trained_on)

    def _summary(self) -> Summary:
        columns = ("doc_id", "head", "label", "score")
        first = self.table.slice(0, SHOWN).select(columns).to_pylist()
        rows: list[tuple[str, object]] = [("predictions", f"{self.table.num_rows:,}")]
        if self.table.num_rows > SHOWN:
            rows.append(("shown", f"the first {SHOWN}; to_arrow() has all"))
        if self.rejected.num_rows:
            reasons = pc.unique(self.rejected["reason"]).to_pylist()
            rows.append(("rejected", f"{self.rejected.num_rows:,}: {', '.join(reasons[:SHOWN])}"))
        return Summary(
            kind="Predicted",
            name=", ".join(head_name(head) for head in self.heads),
            facts=[f"{name} {value}" for name, value in rows if name != "shown"],
            rows=rows,
            columns=columns,
            table=[(it["doc_id"], it["head"], it["label"], f"{it['score']:.4f}") for it in first],
        )


@typed
def predict(
    texts: str | Sequence[str] | ArrowTable = (),
    *,
    heads: Heads,
    inputs: Corpus = (),
    encoder: str | None = None,
    allow_download: bool = False,
    device: str = "auto",
    id_column: str = "doc_id",
    text_column: str = "text",
    pair_column: str | None = None,
    encoding: str = "utf-8",
    csv_delimiter: str | None = None,
    csv_escape: str | None = None,
    probabilities: bool = False,
) -> Predicted:
    """Score new text that is in no store, with the encoder that the heads' features came from.

    Args:
        texts: one text or several; their ids are their positions, from 1 on. Or a table in memory of ids and texts.
        heads: one head or several of the same features: `Head` objects, or the folders that they were saved to.
        inputs: files, folders, globs, URLs or tables in place of texts, as in `encore.encode`.
        encoder: where the encoder is, if it has moved. Its digests are checked.
        allow_download: fetch the encoder from the hub if the heads name one there.
        device: ``auto``, ``cpu`` or ``cuda``. ``cuda`` without a GPU is an error.
        id_column: column of the document ids.
        text_column: column of the texts.
        pair_column: column of the second texts of pairs.
        encoding: of JSON and CSV files, as Python names it.
        csv_delimiter: the character between CSV cells. If None, a comma, or a tab in ``.tsv`` files.
        csv_escape: the character before a quote inside a quoted CSV cell, as in `encore.encode`.
        probabilities: keep every class's probability beside the label.

    Raises:
        UsageError: texts and files together; no such file or head; heads of different features (`SpecMismatch`); or
            their encoder would have to be fetched without ``allow_download``.
        SpecMismatch: the encoder found is not the one that the heads' features came from.
        StoreError: a head is damaged.
    """
    corpus: Any = inputs
    if is_table(texts):
        corpus, texts = (texts, *corpus_parts(inputs)), ()
    columns = CorpusColumns(id_column, text_column, pair_column)
    loaded = tuple(load_heads(given_heads(heads)))
    with corpus_files(corpus, columns.wanted, here=True) as files:
        request = PredictRequest(
            inputs=files,
            heads=loaded,
            encoder=encoder,
            allow_download=allow_download,
            device=device,
            columns=columns,
            probabilities=probabilities,
            text=TextOptions(encoding, csv_delimiter, csv_escape),
            texts=several(texts, "texts"),
        )
        done = run_predict(request)
    return Predicted(done.table, dead_letter_table(done.dead), loaded)
