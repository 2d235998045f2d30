"""Stored features of labelled documents as a torch `Dataset`, for models of one's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.common import counted, several
from encore.featurestore.documents import offsets_of, rows_of
from encore.featurestore.errors import UsageError
from encore.featurestore.row_spans import RowSpans
from encore.featurestore.segments import SegmentReader
from encore.featurestore.storage import REQUESTS_AT_ONCE
from encore.featurestore.summary import Summary, SummaryMixin
from encore.heads.labels import Labels
from encore.heads.training import partition_stored

Example = tuple[torch.Tensor, int]
"""Features of a document, and the position of its class."""

PackedTokens = npt.NDArray[np.generic]
"""(tokens, …): a document's stored numbers."""

POOLED_CHOICES = ("mean",)

DATASET_MEMORY = 256 << 20
"""Bytes of packed features that a process keeps by default: those of 100,000 short texts at one bit. A read takes a
whole chunk, some 300 times a document's size. Without this memory every epoch would read all chunks again and again."""


class FeatureDataset(SummaryMixin, Dataset[Example]):
    """The labelled documents that a store holds. Features are read when an item is asked for.

    An item is (features, class): float32 features (tokens, d), and the position of the label in `classes`. Features of
    ``stack:m`` are (tokens, m, d). A store of one vector a document gives one token. With ``pooled="mean"`` an item has
    the mean over a document's tokens: (d,), or (m, d).

    A read takes the whole chunk of some 1 MiB that holds a document. `torch.utils.data.DataLoader` asks for a batch at
    once, so that documents of one chunk share a read. A process keeps up to ``memory`` bytes of what it has read, and
    also ids, labels and 24 bytes a document. Worker processes of a loader open the store themselves. Workers that read
    from object storage must be started with ``multiprocessing_context="spawn"``.

    Attributes:
        labels: the labels of the documents, in the order of the items.
        missing: labels of documents that the store does not hold.
        classes: names of the classes.
    """

    def __init__(
        self,
        store: Catalogue,
        labels: Labels,
        *,
        pooled: str | None = None,
        classes: Sequence[str] | None = None,
        memory: int = DATASET_MEMORY,
    ) -> None:
        """Look the documents up. This reads no features.

        Args:
            store: the snapshot that is read.
            labels: labelled documents. Those that are not stored go to `missing`.
            pooled: ``mean``, or None for every token.
            classes: names of the classes in order; None takes the classes of the labels. To measure on a second
                dataset, give the classes of the first, on which the model was trained.
            memory: bytes of packed features that each process keeps after reading them; 0 keeps none.

        Raises:
            UsageError: an unknown pooling.
            DataError: no document is stored, or a label is not among ``classes``.
            StoreError: a segment is damaged.
        """
        if pooled is not None and pooled not in POOLED_CHOICES:
            raise UsageError(f"pooled {pooled!r}: expected {' or '.join(POOLED_CHOICES)}, or None")
        spans = RowSpans.of(store, labels.doc_ids)
        self.labels, self.missing = partition_stored(store, labels, spans.stored)
        self.classes: tuple[str, ...] = several(classes or self.labels.classes, "classes", "str")
        self._spans = spans.take(spans.stored)
        self._codes = self.labels.codes(self.classes)
        self._pooled = pooled
        self._uri, self._version = store.uri, store.version
        self._store: Catalogue | None = store
        self._process = os.getpid()
        self._readers: dict[int, SegmentReader] = {}
        self._memory = self._left = memory
        self._kept: dict[int, PackedTokens] = {}

    def __len__(self) -> int:
        """Number of documents."""
        return len(self._codes)

    def __getitem__(self, item: int) -> Example:
        """One document; IndexError beyond the last one."""
        return self.__getitems__([item])[0]

    def __getitems__(self, items: Sequence[int]) -> list[Example]:
        """Several documents, in the order of the positions; a position may be given twice.

        Raises:
            IndexError: there is no such document.
            StoreError: the store is damaged.
            UsageError: this process is a fork of the one that opened the store in object storage. A read in it would
                wait for ever.
        """
        wanted, places = np.unique(np.arange(len(self))[np.asarray(items, np.int64)], return_inverse=True)
        if not len(wanted):
            return []
        # Check for a fork before any read: connections do not survive a fork, and a read would never end.
        spec = self._snapshot().spec
        packed = self._packed(wanted)
        values = spec.quantizer.dequantize(torch.from_numpy(np.concatenate(packed)), spec.width)
        features: Sequence[torch.Tensor] = torch.split(values, [len(rows) for rows in packed])
        if self._pooled is not None:
            features = [document.mean(dim=0) for document in features]
        return [(features[place], int(self._codes[wanted[place]])) for place in places]

    def __getstate__(self) -> dict[str, Any]:
        """State for another process, which opens the store itself."""
        return vars(self) | {"_store": None, "_readers": {}, "_kept": {}, "_left": self._memory}

    @staticmethod
    def collate(batch: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Put documents of different lengths into one batch. Give it to `DataLoader` as ``collate_fn``.

        A dataset with ``pooled`` does not need it: torch's default puts vectors together.

        Args:
            batch: items of the dataset.

        Returns:
            Features (documents, longest, [m,] d) float32, zeros after each document's own tokens; lengths (documents,)
            int64; classes (documents,) int64.
        """
        features, classes = zip(*batch, strict=True)
        lengths = torch.tensor([len(document) for document in features])
        return pad_sequence(list(features), batch_first=True), lengths, torch.tensor(classes)

    def _summary(self) -> Summary:
        features = "all tokens" if self._pooled is None else f"{self._pooled} of the tokens"
        counts = np.bincount(self._codes, minlength=len(self.classes)).tolist()
        rows = [
            ("store", self._uri),
            ("snapshot", f"{self._version}"),
            ("documents", f"{len(self):,}"),
            ("not stored", f"{len(self.missing):,}"),
            ("features", features),
        ]
        return Summary(
            kind="FeatureDataset",
            name=f"{self._uri.rstrip('/').rpartition('/')[2]}@{self._version}",
            facts=(counted(len(self), "document"), f"{len(self.classes):,} classes", features),
            rows=rows,
            columns=("class", "documents"),
            table=[(name, f"{count:,}") for name, count in zip(self.classes, counts, strict=True)],
        )

    def _packed(self, documents: npt.NDArray[np.int64]) -> list[PackedTokens]:
        """Packed rows of the documents at these positions, no position twice. Rows are kept while there is memory."""
        unread = np.array([place for place in documents.tolist() if place not in self._kept], np.int64)
        fresh = dict(zip(unread.tolist(), self._read(unread), strict=True))
        for place, rows in fresh.items():
            if self._left >= rows.nbytes:
                self._left -= rows.nbytes
                # A copy: a view would keep the whole batch in memory.
                self._kept[place] = rows.copy()
        return [fresh[place] if place in fresh else self._kept[place] for place in documents.tolist()]

    def _read(self, documents: npt.NDArray[np.int64]) -> list[PackedTokens]:
        """Packed rows of these documents from the store. Each chunk of a segment is read once."""
        spans = self._spans.take(documents)
        order = np.lexsort((spans.starts, spans.segments))
        spans = spans.take(order)
        numbers, firsts = np.unique(spans.segments, return_index=True)
        readers = [self._reader(number) for number in numbers.tolist()]

        def read(reader: SegmentReader, first: int, last: int) -> list[PackedTokens]:
            lengths = spans.lengths[first:last]
            rows = reader.packed_rows(rows_of(spans.starts[first:last], lengths))
            return np.split(rows, offsets_of(lengths)[1:-1])

        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            parts = list(chain.from_iterable(pool.map(read, readers, firsts, [*firsts[1:], len(order)])))
        return [parts[place] for place in np.argsort(order)]

    def _reader(self, number: int) -> SegmentReader:
        """Reader of a segment. It is kept: a few hundred bytes that say where the features lie."""
        if number not in self._readers:
            store = self._snapshot()
            self._readers[number] = store.reader(store.entries[number])
        return self._readers[number]

    def _snapshot(self) -> Catalogue:
        """The store. A spawned process opens it again; a fork that cannot read it raises UsageError."""
        if self._store is None:
            self._store, self._process = Catalogue.open(self._uri, self._version), os.getpid()
        if self._process != os.getpid() and not self._store.objects.on_disk:
            raise UsageError(
                f"{self._uri}: a connection to object storage does not outlive a fork; give the DataLoader "
                'multiprocessing_context="spawn"'
            )
        return self._store
