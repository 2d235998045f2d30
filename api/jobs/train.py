"""`encore.train`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike

from encore.api.arguments.progress import display_of
from encore.api.arguments.tables import Table, labels_of
from encore.api.arguments.types import typed
from encore.api.store import Store, StoreOrUri, uri_of
from encore.featurestore.catalogue import Catalogue
from encore.featurestore.common import counted, several
from encore.featurestore.errors import UsageError
from encore.featurestore.storage import Address
from encore.featurestore.store_reading import read_store
from encore.heads.artefact import Head, check_head_folder
from encore.heads.training import (
    Epoch,
    LabelCounts,
    Progress,
    StoreTraining,
    TrainRequest,
    TrainSettings,
    train_from_store,
)
from encore.pipelines.head_placement import learning_on
from encore.pipelines.progress import Steps
from encore.tablefiles import TextOptions

logger = logging.getLogger("encore")


@typed
def train(
    store: StoreOrUri,
    labels: Table,
    *,
    out: str | PathLike[str] | None = None,
    task: str | None = None,
    dev: Table | None = None,
    dev_share: float = 0.1,
    id_column: str = "doc_id",
    label_column: str = "label",
    encoding: str = "utf-8",
    csv_delimiter: str | None = None,
    csv_escape: str | None = None,
    poolings: str | Sequence[str] = (),
    attention_heads: int | None = None,
    queries: int = 1,
    layer_mix: str = "learned",
    epochs: int | None = None,
    learning_rates: float | Sequence[float] = (3e-4,),
    batch_sizes: int | Sequence[int] = (32,),
    patience: int | None = None,
    seeds: int | Sequence[int] = (0,),
    order_seed: int | None = None,
    memory: int = 2 << 30,
    device: str = "auto",
    dtype: str = "float32",
    snapshot: int | str | None = None,
    progress: bool | None = None,
) -> Head:
    """Train a head on labelled documents of a store, without the encoder.

    Args:
        store: a handle, at the snapshot that it shows, or a URI.
        labels: ids and labels: a Parquet, Arrow, JSON or CSV file, or a table in memory of pandas, Polars, DuckDB,
            `datasets` or pyarrow. A warning counts labelled documents that are not stored.
        out: folder that the head is saved to. It is optional: `encore.Head.save` can save the head later, and jobs also
            take heads that are not saved.
        task: name of the task, which is also in predictions. If None, the name of ``out``.
        dev: labels to measure on, in the form of ``labels``. If None, a share of ``labels`` is set aside.
        dev_share: the share that is set aside for dev; 0 for none.
        id_column: column of the document ids: text or integers.
        label_column: column of the labels: text, integers or booleans.
        encoding: of JSON and CSV files, as Python names it.
        csv_delimiter: the character between CSV cells. If None, a comma, or a tab in ``.tsv`` files.
        csv_escape: the character before a quote inside a quoted CSV cell, as in `encore.encode`.
        poolings: ``attention``, ``pair``, ``cls`` or ``mean``; one, or several to try. If empty, the stored position.
            For token features that is ``attention``, or ``pair`` if all documents are pairs and ``queries`` is 1.
        attention_heads: the hidden size / 64 unless given.
        queries: number of learned queries of attention over all tokens.
        layer_mix: ``learned`` or ``uniform``: how the layers of ``stack:m`` features are weighted.
        epochs: passes over the training documents. If None, 8, or more with few labels.
        learning_rates: one, or several to try.
        batch_sizes: documents a step; one, or several to try.
        patience: stop after this many epochs without improvement on dev.
        seeds: random seeds; one, or several to try. The same seed gives the same head.
        order_seed: random seed of the order of documents. If None, the first of ``seeds``.
        memory: the most bytes of features to hold in memory. More go to a temporary file.
        device: ``auto``, ``cpu`` or ``cuda``: where heads learn. ``cuda`` without a GPU is an error.
        dtype: ``float32`` or, on a GPU only, ``bfloat16``: what it multiplies in.
        snapshot: number or tag of the snapshot to read. If None, the one that a handle shows, or the newest.
        progress: None shows a bar in a notebook and on a terminal; True writes lines elsewhere; False shows nothing.

    Returns:
        The head that is best on dev, with its ``evaluation`` on dev.

    Raises:
        UsageError: settings do not fit the stored features, no such column, or neither ``task`` nor ``out`` is given.
        DataError: the labels cannot be trained on: for example a document has two labels, or there is only one class.
    """
    folder = None if out is None else several(out, "out", "str")[0]
    if task is None and folder is None:
        raise UsageError("train: the task has no name; give task, or give out, whose last folder then names it")
    text = TextOptions(encoding, csv_delimiter, csv_escape)
    settings = TrainSettings(
        poolings=several(poolings, "poolings"),
        attention_heads=attention_heads,
        queries=queries,
        layer_mix=layer_mix,
        epochs=epochs,
        learning_rates=several(learning_rates, "learning rates"),
        batch_sizes=several(batch_sizes, "batch sizes"),
        seeds=several(seeds, "seeds"),
        order_seed=order_seed,
        patience=patience,
    )
    request = TrainRequest(
        task=task or Address.parse(str(folder)).name,
        labels=labels_of(labels, id_column, label_column, text, "labels"),
        dev=None if dev is None else labels_of(dev, id_column, label_column, text, "dev"),
        dev_share=dev_share,
        settings=settings,
        memory=memory,
        placement=learning_on(device, dtype),
    )
    if folder is not None:
        check_head_folder(folder)
    with _epochs_shown(progress) as told:
        result = _trained(store, snapshot, request, told)
    _remark("labels", result.train)
    if result.dev is not None:
        _remark("dev", result.dev)
    if folder is not None:
        result.head.save(folder)
    return result.head


def _trained(store: StoreOrUri, snapshot: int | str | None, request: TrainRequest, progress: Progress) -> StoreTraining:
    """Train at the snapshot that a handle shows, or at the given one."""

    def read(catalogue: Catalogue) -> StoreTraining:
        return train_from_store(catalogue, request, progress)

    if isinstance(store, Store) and snapshot is None:
        return read(store.catalogue)
    return read_store(uri_of(store), snapshot, read)


@contextmanager
def _epochs_shown(progress: bool | None) -> Iterator[Progress]:
    with Steps(display_of(progress)) as steps:

        def told(epoch: Epoch) -> None:
            steps.show("train", epoch.number, epoch.epochs, "epoch")

        yield told


def _remark(name: str, counts: LabelCounts) -> None:
    """Warn of labels that were not used, since the user expects that all are."""
    if counts.not_stored:
        labelled = counted(counts.not_stored, "labelled document")
        logger.warning("%s: %s without a stored one: %s", name, labelled, counts.examples)
    if counts.blank:
        logger.warning("%s: %s without an id or a label", name, counted(counts.blank, "row"))
