"""`encore.backfill`."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from encore.api.arguments.heads import Heads, given_heads
from encore.api.arguments.progress import display_of
from encore.api.arguments.types import typed
from encore.api.results.predictions import Predictions
from encore.api.results.report import job_report
from encore.api.store import StoreOrUri, snapshot_of, uri_of
from encore.featurestore.common import several
from encore.pipelines.backfill import BackfillRequest
from encore.pipelines.backfill import backfill as run_backfill
from encore.pipelines.predictions import PredictionsFolder


@typed
def backfill(
    store: StoreOrUri,
    *,
    heads: Heads,
    out: str | PathLike[str],
    snapshot: int | str | None = None,
    probabilities: bool = False,
    device: str = "auto",
    dtype: str = "float32",
    check: bool = False,
    give_up_after: float = 15,
    beam_options: str | Sequence[str] = (),
    progress: bool | None = None,
) -> Predictions:
    """Score every stored document with one head or many in one pass; what is scored already is left alone.

    Args:
        store: a handle, at the snapshot that it shows, or a URI.
        heads: one head or several: `Head` objects, or the folders that they were saved to.
        out: folder of predictions. It is made, or brought up to date.
        snapshot: number or tag of the snapshot to score. If None, the one that a handle shows, or the newest.
        probabilities: keep every class's probability beside the label.
        device: ``auto``, ``cpu`` or ``cuda``. ``cuda`` without a GPU is an error.
        dtype: what a GPU multiplies in: ``float32`` or ``float16``. ``float16`` is faster, and changes probabilities
            by some 0.001.
        check: also read every listed file of these heads, and score again where one is damaged.
        give_up_after: minutes without a sign of life of workers elsewhere, after which the job ends with an error.
        beam_options: Beam's own options.
        progress: None shows a bar in a notebook and on a terminal; True writes lines elsewhere; False shows nothing.

    Returns:
        A handle of the folder. Its ``report`` says what this call did.

    Raises:
        SpecMismatch: a head was trained on other features than the store holds; nothing is scored.
        UsageError: a head cannot be read, two heads are the same, the folder holds another store's predictions, or
            there is no such device; nothing is scored.
        JobError: the job failed, or some of its segments did.
    """
    folder = several(out, "out", "str")[0]
    request = BackfillRequest(
        store=uri_of(store),
        heads=given_heads(heads),
        out=folder,
        snapshot=snapshot_of(store, snapshot),
        probabilities=probabilities,
        device=device,
        dtype=dtype,
        check=check,
        give_up_after=give_up_after,
    )
    done = run_backfill(
        request, beam_options=several(beam_options, "Beam options", "str"), display=display_of(progress)
    )
    return Predictions(PredictionsFolder.open(folder), job_report("backfill", done.document))
