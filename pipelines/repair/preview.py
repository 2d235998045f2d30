"""What a repair with a corpus would do: the damage, and where lost documents would come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from encore.featurestore import INDEX_SCHEMA, DataError, FeatureSpec, UsageError
from encore.featurestore.common import ProgressCallback, settle_fields, silent
from encore.featurestore.repair import BlockListChoice, RepairPlan, Salvage, find_salvage, plan_repair
from encore.featurestore.storage import Objects
from encore.pipelines.corpus import CorpusColumns, PruneLimit, group_by_split, plan, read_units
from encore.pipelines.dead_letters import DeadLetterLimit
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.repair.predictions import FolderRepair, repair_predictions, require_features, store_id_of
from encore.tablefiles import PLAIN_TEXT, TextOptions, list_files

PAIRS = pa.schema([INDEX_SCHEMA.field(name) for name in ("key_hash", "text_digest")])


@dataclass(frozen=True)
class RepairRequest:
    """The request of `repair`.

    Attributes:
        store: URI of the store.
        inputs: corpus files, directories and globs that the store was encoded from; empty to repair without a corpus.
        predictions: folders with predictions of the store.
        block_list: what to do about a damaged block list.
        encoder: None takes the one that the store names, if it is a package or a folder on this machine.
        device, columns, text, codec, unit_rows, limit, prune, prune_limit: as in `EncodeRequest`.
    """

    store: str
    inputs: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()
    block_list: BlockListChoice = field(default_factory=BlockListChoice)
    encoder: str | None = None
    device: str = "auto"
    columns: CorpusColumns = field(default_factory=CorpusColumns)
    text: TextOptions = PLAIN_TEXT
    codec: str | None = None
    unit_rows: int | None = None
    limit: DeadLetterLimit = field(default_factory=lambda: DeadLetterLimit.parse(None))
    prune: bool = False
    prune_limit: PruneLimit = field(default_factory=lambda: PruneLimit.parse(None))

    def __post_init__(self) -> None:
        settle_fields(self)


@dataclass(frozen=True)
class RepairPreview:
    """The damage, and the documents that would come back.

    Attributes:
        plan: plan of the store's repair.
        corpus: the documents of the corpus, as pairs of key hash and text digest. None without a corpus, or while the
            block list is damaged.
        salvage: whole segments that can be listed again for these documents.
        to_encode: number of documents of the corpus that are still missing then, blocked ones included.
        folders: the damage in predictions folders.
    """

    plan: RepairPlan
    corpus: pa.Table | None
    salvage: Salvage
    to_encode: int
    folders: tuple[FolderRepair, ...]

    @property
    def needed(self) -> bool:
        """Whether anything is damaged, or unlisted whole segments hold documents of the corpus."""
        return bool(self.plan.needed or self.salvage.live or any(it.needed for it in self.folders))

    def to_dict(self) -> dict[str, Any]:
        """JSON for programs."""
        return {
            **self.plan.to_dict(),
            "from_whole_segments": self.salvage.documents,
            "to_encode": self.to_encode,
            "predictions": [it.to_dict() for it in self.folders],
        }


def preview_repair(request: RepairRequest, progress: ProgressCallback = silent) -> RepairPreview:
    """Find out what a repair would do. Changes nothing.

    Raises:
        UsageError: there is no store, no such corpus, or a folder holds another store's predictions.
        StoreError: as `plan_repair`.
    """
    objects = Objects.open(request.store)
    folders = [PredictionsFolder.open(uri) for uri in request.predictions]
    found = plan_repair(objects, store_id=store_id_of(folders[0]) if folders else None, progress=progress)
    after = found.store_after()
    for folder in folders:
        folder.require_store(after)
        require_features(folder, after)
    corpus = None
    salvage, lacking = Salvage(), 0
    if request.inputs:
        # Checked before the store is changed.
        encoder_of(request, after.spec)
        files = list_files(request.inputs, request.text).files
        if request.block_list.made or not found.damage.block_list:
            corpus = pa.concat_tables([PAIRS.empty_table(), *_pairs(files, request.columns)])
            salvage = find_salvage(after, corpus)
            places = after.keys.find(corpus["key_hash"])
            lacking = int((~after.keys.same_text(places, corpus["text_digest"])).sum()) - salvage.documents
    looked = tuple(repair_predictions(folder, dry_run=True) for folder in folders)
    return RepairPreview(found, corpus, salvage, lacking, looked)


def _pairs(files: Sequence[Any], columns: CorpusColumns) -> Iterator[pa.Table]:
    """Key hash and text digest of every valid document of a corpus."""
    for units in group_by_split(plan(files, columns, without_damaged=True).units):
        try:
            for read in read_units(units, columns):
                yield read.documents.index_columns.select(PAIRS.names).cast(PAIRS)
        except DataError:
            # An error in a file is ignored here: the encode job reports it.
            continue


def encoder_of(request: RepairRequest, spec: FeatureSpec) -> str:
    """The encoder to load. An encoder that only the store names is not fetched from the hub.

    Raises:
        UsageError: the store names one that is not on this machine.
    """
    source = spec.encoder.source
    if request.encoder is not None:
        return request.encoder
    if source.startswith("package:") or (source and Path(source).is_dir()):
        return source
    named = f"names its encoder {source!r}, which is not here" if source else "does not name its encoder"
    raise UsageError(f"{request.store}: {named}; say where it is with --encoder (hf:ID fetches it)")
