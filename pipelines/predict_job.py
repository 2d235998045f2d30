"""Predictions for new text, without a store: the same features, the same heads, in one process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pyarrow as pa

from encore.encoders import DocumentBlock, FeatureExtractor, load_encoder
from encore.featurestore import FeatureSpec, UsageError
from encore.featurestore.common import settle_fields
from encore.heads import Head, Scorer
from encore.pipelines.corpus import CorpusColumns, DocumentSize, UnitRead, group_by_split, plan, read_units
from encore.pipelines.dead_letters import DeadLetter
from encore.pipelines.head_registry import head_title, load_heads, row_schema, rows_of_scores
from encore.tablefiles import PLAIN_TEXT, TextOptions, find_table_files
from encore.tablefiles.values import is_blank, is_empty

GIVEN_TEXTS = "given texts"
"""The file name in dead letters of texts that come from no file."""
PART_TEXTS = 1024
"""Texts that are scored at a time."""


@dataclass(frozen=True)
class PredictRequest:
    """The request of `predict`.

    Attributes:
        inputs: corpus files, directories and globs; none where texts are given.
        heads: trained heads, or the directories of saved ones, all of the same features.
        encoder: where to load the encoder from; None takes the source that the heads name. Its digests are checked.
        allow_download: whether an encoder that only the heads name may be fetched from the hub.
        device: ``auto``, ``cpu`` or ``cuda``.
        columns: names of the corpus columns.
        unit_rows: documents that are scored at a time; None chooses.
        probabilities: keep every class's probability beside the label and its score.
        text: encoding and CSV dialect of the files.
        texts: documents in place of files. Their ids are their positions, from 1 on.

    Raises:
        UsageError: both files and texts.
    """

    inputs: tuple[str, ...]
    heads: tuple[str | Head, ...]
    encoder: str | None = None
    allow_download: bool = False
    device: str = "auto"
    columns: CorpusColumns = field(default_factory=CorpusColumns)
    unit_rows: int | None = None
    probabilities: bool = False
    text: TextOptions = PLAIN_TEXT
    texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        settle_fields(self)
        if self.inputs and self.texts:
            raise UsageError(f"predict: {self.inputs[0]} is a file and the rest are texts; give the one or the other")


@dataclass(frozen=True)
class NewPredictions:
    """The result of `predict`.

    Attributes:
        table: ``doc_id``, ``head`` (``task@digest``), ``label``, ``score``, and ``probabilities`` if asked for, a map
            from class to probability.
        dead: rejected documents.
    """

    table: pa.Table
    dead: tuple[DeadLetter, ...]


def predict(request: PredictRequest) -> NewPredictions:
    """Score new text. The predictions are those that backfill would give if the text were stored.

    Raises:
        UsageError: no such input or head; heads of different features (`SpecMismatch`); or their encoder would have
            to be fetched without ``allow_download``.
        StoreError: a head is damaged, or cannot score.
        SpecMismatch: the encoder found is not the one that the heads' features came from.
    """
    heads = load_heads(request.heads)
    spec = heads[0].spec
    for given, head in zip(request.heads, heads, strict=True):
        head.require(spec, head_title(given), head_title(request.heads[0]))
        if head.model.of_pairs and (request.columns.pair is None or request.texts):
            raise UsageError(
                f"{head_title(given)} compares the two texts of pairs; give a table, and name its column of "
                "second texts, the pair column"
            )
    found = _given(request, spec)
    encoder = load_encoder(
        request.encoder or spec.encoder.source,
        device=request.device,
        dtype=spec.encoder.compute_dtype,
        download=request.allow_download or bool(request.encoder),
    )
    extractor = FeatureExtractor(encoder, spec)
    scorer = Scorer(heads, spec)
    tables: list[pa.Table] = []
    dead: list[DeadLetter] = []
    for source, (documents, letters, rows) in found:
        ids = documents.table["doc_id"]
        extraction = extractor.extract(documents)
        dead += letters
        dead += [
            DeadLetter(ids[r.position].as_py(), source, int(rows[r.position]), r.stage, r.reason)
            for r in extraction.rejected
        ]
        doc_ids = extraction.features.doc_ids
        tables += [
            rows_of_scores(doc_ids, scores, probabilities=request.probabilities)
            for scores in scorer.score(extraction.features)
        ]
    nothing = row_schema(probabilities=request.probabilities).empty_table()
    return NewPredictions(pa.concat_tables(tables) if tables else nothing, tuple(dead))


def _given(request: PredictRequest, spec: FeatureSpec) -> Iterator[tuple[str, UnitRead]]:
    """The documents in parts, each with its source. Files are checked now, and read part by part.

    Raises:
        UsageError: no such file, or neither files nor texts.
    """
    if request.texts:
        return ((GIVEN_TEXTS, read) for read in _read_texts(request.texts))
    if not request.inputs:
        raise UsageError("nothing to predict: give texts, a table or files")
    files = find_table_files(request.inputs, request.text)
    units = plan(files, request.columns, request.unit_rows, DocumentSize.of(spec)).units
    reads = chain.from_iterable(read_units(group, request.columns) for group in group_by_split(units))
    return zip((unit.file.uri for unit in units), reads, strict=True)


def _read_texts(texts: Sequence[str]) -> Iterator[UnitRead]:
    """The texts as documents, whose ids are their positions from 1 on. Blank texts are rejected."""
    for start in range(0, len(texts), PART_TEXTS):
        part = pa.array(texts[start : start + PART_TEXTS], pa.string())
        ids = pa.array([str(start + row + 1) for row in range(len(part))])
        blank = is_empty(part) | is_blank(part)
        dead = tuple(
            DeadLetter(ids[row].as_py(), GIVEN_TEXTS, start + row, "validate", "blank text")
            for row in np.flatnonzero(blank).tolist()
        )
        rows = np.arange(start, start + len(part))[~blank]
        valid = pa.array(~blank)
        yield UnitRead(DocumentBlock.build(ids.filter(valid), part.filter(valid)), dead, rows)
