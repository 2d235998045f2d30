"""The split of labelled documents: some train a head, the others measure it."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.common import counted
from encore.featurestore.documents import key_hashes, rows_of
from encore.featurestore.errors import DataError, UsageError
from encore.heads.labels.normal_form import in_order
from encore.heads.labels.table import Labels, named, named_classes, written_otherwise
from encore.tablefiles.names import shown_name

logger = logging.getLogger("encore")


@dataclass(frozen=True)
class Split:
    """Training and dev documents of one task.

    Attributes:
        train: documents to train on.
        dev: documents to measure on; None where there are none.
        classes: names of the classes, in the order of `in_order`.

    Raises:
        DataError: there are fewer than two classes, a class occurs only in dev, or a document is in both parts.
    """

    train: Labels
    dev: Labels | None
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.train):
            raise DataError(f"{self.train.source}: no document to train on; are its labelled documents stored?")
        if len(self.train.classes) < 2:
            (only,) = self.train.classes
            raise DataError(
                f"{self.train.source}: every document to train on is {shown_name(only)!r}; a head needs two classes"
            )
        if self.dev is None:
            return
        if not len(self.dev):
            raise DataError(f"{self.dev.source}: no document to measure on; are its labelled documents stored?")
        unseen = in_order(set(self.dev.classes) - set(self.train.classes))
        if unseen:
            raise DataError(
                f"{self.dev.source}: classes {named_classes(unseen)} have no document to train on"
                f"{written_otherwise(unseen, self.train.classes)}; label some, or leave them out"
            )
        shared = self.dev.doc_ids.filter(pc.is_in(self.dev.doc_ids, value_set=self.train.doc_ids))
        if len(shared):
            raise DataError(
                f"{self.dev.source}: {counted(len(shared), 'document')} in the training labels too ({named(shared)}); "
                f"a head must not be measured on what it has learned"
            )

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Classes without a dev document; empty where there is no dev."""
        return () if self.dev is None else in_order(set(self.classes) - set(self.dev.classes))

    def warn_of_unmeasured(self, share: float | None = None) -> None:
        """Log a warning that names the classes without a dev document.

        Args:
            share: share of the labels that was set aside for dev; None where the user gave dev labels.
        """
        if self.dev is None or not self.unmeasured:
            return
        counts = dict(zip(self.classes, self.train.counts(self.classes).tolist(), strict=True))
        names = named(pa.array([f"{shown_name(name)} ({counts[name]:,})" for name in self.unmeasured]))
        least = 0 if share is None else min((counts[name] for name in self.unmeasured if counts[name] > 1), default=0)
        remedy = f"; a dev share of {_least_share(least)} sets some aside" if least else ""
        number = f"{len(self.unmeasured):,} {'class' if len(self.unmeasured) == 1 else 'classes'}"
        logger.warning("%s: dev has no document of %s: %s%s", self.dev.source, number, names, remedy)

    @classmethod
    def given(cls, train: Labels, dev: Labels | None = None) -> Split:
        """Make a split of training labels and separate dev labels; None for no dev."""
        return cls(train, dev, train.classes)

    @classmethod
    def by_share(cls, labels: Labels, share: float, seed: int) -> Split:
        """Set a share of each class aside for dev, chosen by the hash of id and seed.

        The choice does not depend on the order of the labels. A class keeps at least one document to train on.

        Raises:
            UsageError: the share is not between 0 and 1, or leaves dev empty.
            DataError: there are fewer than two classes.
        """
        if not 0 < share < 1:
            raise UsageError(f"dev share {share}: expected a share between 0 and 1, for example 0.1")
        chosen = _choose(labels, share, seed)
        if len(labels.classes) > 1 and not chosen.any():
            raise UsageError(
                f"dev share {share} of {len(labels)} labels leaves dev empty: {_why_empty(labels)}; label more, or "
                "give dev labels of their own"
            )
        return cls(labels.filter(~chosen), labels.filter(chosen), labels.classes)


def _choose(labels: Labels, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """(documents,) bool: whether a document goes to dev. In each class those with the smallest hashes do."""
    salted = pc.binary_join_element_wise(pa.scalar(str(seed)), labels.doc_ids, "\n")
    hashes = np.array(key_hashes(salted).to_pylist(), dtype="S16")
    codes = labels.codes(labels.classes)
    order = np.lexsort((hashes, codes))
    sizes = np.bincount(codes, minlength=len(labels.classes))
    ranks = rows_of(np.zeros_like(sizes), sizes)
    wanted = np.minimum(np.floor(share * sizes + 0.5), sizes - 1)
    chosen = np.zeros(len(order), np.bool_)
    chosen[order] = ranks < np.repeat(wanted, sizes)
    return chosen


def _why_empty(labels: Labels) -> str:
    largest = int(labels.counts(labels.classes).max())
    if largest == 1:
        return "every class has only one document, to train on"
    return f"the largest class has {largest:,} documents; a share of {_least_share(largest)} would take one of them"


def _least_share(documents: int) -> float:
    """The smallest share, rounded up to two digits, that takes one document of a class of this many."""
    return math.ceil(50 / documents) / 100
