"""`encore.derive`."""

from __future__ import annotations

from collections.abc import Sequence

from encore.api.arguments.progress import display_of
from encore.api.arguments.types import typed
from encore.api.results.report import Report, job_report
from encore.api.store import StoreOrUri, snapshot_of, uri_of, written
from encore.featurestore.common import several
from encore.pipelines.ingestion import DeriveRequest
from encore.pipelines.ingestion import derive as run_derive


@typed
def derive(
    source: StoreOrUri,
    *,
    store: StoreOrUri,
    layers: str | None = None,
    positions: str | None = None,
    quantizer: str | None = None,
    codec: str | None = None,
    snapshot: int | str | None = None,
    like: StoreOrUri | None = None,
    give_up_after: float = 15,
    beam_options: str | Sequence[str] = (),
    progress: bool | None = None,
) -> Report:
    """Make a poorer store from a richer one, without the encoder; called again, it derives what the source has gained.

    Args:
        source: the richer store: a handle, at the snapshot that it shows, or a URI.
        store: the store to make or to bring up to date; a handle then shows what was derived.
        layers: ``last``, ``layer:k``, ``mean:m`` or ``stack:m``; as stored unless given.
        positions: ``tokens``, ``cls`` or ``mean``; as stored unless given.
        quantizer: ``float16``, ``uint8``, ``int4``, ``int2``, ``sign`` or ``sign-centred``; as stored unless given.
        codec: ``none``, ``zstd`` or ``blosc``: lossless codec under the quantizer; its own default unless given.
        snapshot: number or tag of the source's snapshot. If None, the one that a handle shows, or the newest.
        like: a store whose calibration is used, so that the same heads fit both stores.
        give_up_after: minutes without a sign of life of workers elsewhere, after which the job ends with an error.
        beam_options: Beam's own options.
        progress: None shows a bar in a notebook and on a terminal; True writes lines elsewhere; False shows nothing.

    Returns:
        The report: numbers of documents (encoded, skipped and so on), and bytes.

    Raises:
        UsageError: the source does not hold what is asked for.
        SpecMismatch: the store is there and holds other features.
        JobError: the job failed, or some of its units did.
    """
    request = DeriveRequest(
        source=uri_of(source),
        store=uri_of(store),
        layers=layers,
        positions=positions,
        quantizer=quantizer,
        codec=codec,
        snapshot=snapshot_of(source, snapshot),
        like=None if like is None else uri_of(like),
        give_up_after=give_up_after,
    )
    done = run_derive(request, beam_options=several(beam_options, "Beam options", "str"), display=display_of(progress))
    written(store)
    return job_report("derive", done.document)
