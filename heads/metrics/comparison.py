"""Comparing the predictions of a head with labels: join them by id, and refuse labels of other classes."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.common import counted
from encore.featurestore.errors import DataError
from encore.heads.labels import (
    Labels,
    TrainingIds,
    blanks_around,
    in_order,
    named,
    named_classes,
    named_twins,
    near_twins,
    normal_labels,
    written_otherwise,
)
from encore.heads.metrics.evaluation import Evaluation

logger = logging.getLogger("encore")


def evaluate_predictions(
    labels: Labels,
    doc_ids: pa.Array | pa.ChunkedArray,
    predicted: pa.Array | pa.ChunkedArray,
    *,
    classes: Sequence[str] | None = None,
    trained_on: TrainingIds | None = None,
) -> Evaluation:
    """Compare the predictions of one head with labels.

    Classes are compared in the normal form of labels (`encore.heads.labels.normal_form`), on both sides.

    Args:
        labels: the truth.
        doc_ids: ids of the predicted documents, each once, in any order.
        predicted: the predicted class of each document, as text or dictionary-encoded text.
        classes: all classes of the head; None where they are not known.
        trained_on: the documents that the head was trained on; None where they are not known.

    Raises:
        DataError: a document has two predictions or an empty one; no labelled document has a prediction; a label is no
            class of the head; or the head's classes are not known and no label is among the predicted classes.
    """
    ids = pa.array(doc_ids) if not isinstance(doc_ids, pa.ChunkedArray) else doc_ids.combine_chunks()
    _require_once(ids)
    found = pc.index_in(labels.doc_ids, value_set=ids.cast(pa.string()))
    matched = labels.filter(found.is_valid())
    if not len(matched):
        raise DataError(
            f"{labels.source}: none of its {len(labels)} labelled documents is among the {len(ids)} predicted ones "
            f"(labelled: {named(labels.doc_ids)}; predicted: {named(ids)}); is it the right label file? "
            "encode and backfill documents before you evaluate them, or score them with encore predict"
            f"{blanks_around(labels.doc_ids)}"
        )
    answers = predicted.take(found.drop_null())
    if answers.null_count:
        raise DataError(f"predictions: {counted(answers.null_count, 'document')} without a class; predict them again")
    answers = normal_labels(answers.combine_chunks() if isinstance(answers, pa.ChunkedArray) else answers)
    _require_classes(matched, predicted, classes)
    occurring = in_order([*matched.classes, *pc.unique(answers).to_pylist()])
    truth, said = (_codes(values, occurring) for values in (matched.labels, answers))
    learned = None if trained_on is None else trained_on.count(matched.doc_ids)
    if learned:
        logger.warning(
            "%s: the head was trained on %s of the %s documents compared; it does better on them than on new ones; "
            "measure it on labels that it has not seen",
            labels.source,
            f"{learned:,}",
            f"{len(matched):,}",
        )
    return Evaluation.of(
        truth,
        said,
        occurring,
        missing=len(labels) - len(matched),
        unlabelled=len(ids) - len(matched),
        trained_on=learned,
    )


def _require_once(ids: pa.Array) -> None:
    counts = pc.value_counts(ids)
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        raise DataError(
            f"predictions: {counted(len(twice), 'document')} more than once ({named(twice)}); "
            "evaluate one head at a time"
        )


def _require_classes(labels: Labels, predicted: pa.Array | pa.ChunkedArray, classes: Sequence[str] | None) -> None:
    """Raise DataError where a label is no class of the head, as far as its classes are known; name near-twins."""
    given = pc.unique(predicted.cast(pa.string())) if classes is None else pa.array(classes, pa.string())
    counted = Counter(normal_labels(given).to_pylist())
    known = in_order(counted)
    merged = [name for name in known if counted[name] > 1]
    if merged:
        logger.warning(
            "the head has classes with the same normal form, %s; they count as one: train the head again",
            named_classes(merged),
        )
    own = labels.classes
    strange = [name for name in own if name not in counted]
    alike = written_otherwise(strange, known)
    if len(strange) == len(own):
        raise DataError(
            f"{labels.source}: none of its classes, {named_classes(strange)}, is one of the head's, "
            f"{named_classes(known)}{alike}; write labels as the head has them"
        )
    if strange and classes is not None:
        count = pc.sum(pc.is_in(labels.labels, value_set=pa.array(strange, pa.string()))).as_py()
        raise DataError(
            f"{labels.source}: {count:,} of {len(labels):,} documents have labels that are no class of the head: "
            f"{named_classes(strange)}{alike}; write them as the head has them, or leave them out"
        )
    twins = near_twins(own, known)
    if twins:
        logger.warning(
            "%s: classes that are nearly those of the head: %s; if they are one class, write them alike",
            labels.source,
            named_twins(twins),
        )


def _codes(values: pa.Array, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    codes: npt.NDArray[np.int64] = (
        pc.index_in(values, value_set=pa.array(classes, pa.string())).to_numpy().astype(np.int64)
    )
    return codes
