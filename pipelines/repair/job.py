"""The repair job: it makes a store whole, and encodes the lost documents again from a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from encore.featurestore import Catalogue, CommitConflict, FeatureSpec
from encore.featurestore.repair import Quarantine, Repair, carry_out, find_salvage, list_again
from encore.featurestore.storage import TRIES_BESIDE_VACUUM, Objects
from encore.pipelines.encoding import EncodeRequest, encode
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.progress import ProgressDisplay
from encore.pipelines.repair.predictions import FolderRepair, repair_predictions
from encore.pipelines.repair.preview import RepairPreview, RepairRequest, encoder_of
from encore.pipelines.runs import JobReport


@dataclass(frozen=True)
class RepairResult:
    """The result of a repair.

    Attributes:
        repaired: the repair of the store; None where nothing was damaged.
        from_whole_segments: documents of segments that were listed again.
        encoded: report of the encode job; None where nothing was encoded.
        folders: the repairs of predictions folders.
        uri: URI of the store.
    """

    repaired: Repair | None
    from_whole_segments: int
    encoded: JobReport | None
    folders: tuple[FolderRepair, ...]
    uri: str

    @cached_property
    def store(self) -> Catalogue:
        """The store after the repair. Raises StoreError if its newest manifest is still damaged."""
        return Catalogue.open(self.uri)

    @property
    def exit_code(self) -> int:
        """1 where something is left to do."""
        left = self.repaired is not None and self.repaired.left
        return 1 if left or (self.encoded is not None and self.encoded.exit_code) else 0

    def to_dict(self) -> dict[str, Any]:
        """JSON for programs."""
        done = self.repaired
        # Nothing was repaired, and the newest manifest or one of its lists is damaged: the store cannot be opened.
        untouched = done is not None and not done.repair and done.survey.is_older
        return {
            "repaired": None if self.repaired is None else self.repaired.to_dict(),
            "from_whole_segments": self.from_whole_segments,
            "encode": None if self.encoded is None else self.encoded.document,
            "predictions": [it.to_dict() for it in self.folders],
            "snapshot": None if untouched else self.store.version,
            "documents": None if untouched else len(self.store),
            "exit_code": self.exit_code,
        }


def repair(
    request: RepairRequest,
    found: RepairPreview,
    *,
    beam_options: Sequence[str] = (),
    display: ProgressDisplay | None = None,
) -> RepairResult:
    """Repair a store, then encode the documents of the corpus that it lacks.

    Raises:
        CommitConflict: other writers were first too many times in a row; run again.
        UsageError: the corpus cannot be encoded as asked for; the store is repaired all the same.
    """
    objects = Objects.open(request.store)
    done = carry_out(objects, found.plan, request.block_list) if found.plan.needed else None
    came, report = 0, None
    # Nothing is encoded while the block list is unknown.
    if found.corpus is not None:
        came = _list_again(request.store, found.corpus, "" if done is None else done.repair)
        report = encode(
            _encode_request(request, Catalogue.open(request.store).spec), beam_options=beam_options, display=display
        )
    folders = tuple(repair_predictions(PredictionsFolder.open(uri)) for uri in request.predictions)
    return RepairResult(done, came, report, folders, objects.uri)


def _list_again(uri: str, corpus: pa.Table, repair_id: str) -> int:
    """List whole segments again. Returns the number of their documents."""
    for _ in range(TRIES_BESIDE_VACUUM):
        store = Catalogue.open(uri)
        found = find_salvage(store, corpus)
        try:
            list_again(store, found, Quarantine(store.objects, repair_id or "salvage"))
        except CommitConflict:
            # A vacuum removed some of them. Documents that the next look does not find either are encoded.
            continue
        return found.documents
    return 0


def _encode_request(request: RepairRequest, spec: FeatureSpec) -> EncodeRequest:
    """A request of `encode` with the spec of the store."""
    return EncodeRequest(
        inputs=request.inputs,
        store=request.store,
        encoder=encoder_of(request, spec),
        layers=str(spec.layers),
        positions=spec.positions,
        quantizer=spec.quantizer.request,
        max_length=spec.text.max_length,
        truncation_side=spec.text.truncation_side,
        special_tokens=spec.text.special_tokens,
        device=request.device,
        dtype=spec.encoder.compute_dtype,
        columns=request.columns,
        text=request.text,
        codec=request.codec,
        unit_rows=request.unit_rows,
        limit=request.limit,
        prune=request.prune,
        prune_limit=request.prune_limit,
    )
