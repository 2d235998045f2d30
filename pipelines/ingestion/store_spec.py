"""The spec that a job writes under: the store's own, one with another store's calibration, or a new one."""

from __future__ import annotations

from collections.abc import Callable

from encore.featurestore import Catalogue, FeatureSpec, UsageError
from encore.featurestore.history import read_spec, require_no_snapshots
from encore.featurestore.storage import Address, Objects
from encore.pipelines.predictions import PREDICTIONS_FILE


def settle_spec(
    uri: str, requested: FeatureSpec, like: str | None, calibrate: Callable[[FeatureSpec], FeatureSpec]
) -> FeatureSpec:
    """The calibrated spec that answers a request.

    Args:
        uri: the store to write to, which may not exist yet.
        requested: what is asked for.
        like: a store whose calibration is taken over.
        calibrate: calibrates the quantizer; called only for a new store without ``like``.

    Raises:
        SpecMismatch: the store at ``uri``, or ``like``, holds other features.
    """
    settled = spec_without_calibration(uri, requested, like)
    if settled is not None:
        return settled
    return requested if requested.quantizer.calibrated else calibrate(requested)


def spec_without_calibration(uri: str, requested: FeatureSpec, like: str | None) -> FeatureSpec | None:
    """The part of `settle_spec` that needs no calibration; None for a new store without ``like``.

    Raises:
        SpecMismatch: the store at ``uri``, or ``like``, holds other features.
    """
    existing = existing_spec(uri)
    if existing is not None:
        existing.require_request(requested, "store", "request")
        return existing
    if like is None:
        return None
    lender = Catalogue.open(like).spec
    lender.require_request(requested, "the store to be like", "request")
    return requested.with_quantizer(lender.quantizer)


def existing_spec(uri: str) -> FeatureSpec | None:
    """The spec of the store at ``uri``; None where there is none yet."""
    path = Address.parse(uri).local
    if path is not None and not path.exists():
        return None
    objects = Objects.open(uri)
    spec = read_spec(objects)
    if spec is None:
        if objects.size(PREDICTIONS_FILE) is not None:
            raise UsageError(f"{objects.uri}: holds predictions; a store needs a folder of its own")
        require_no_snapshots(objects)
    return spec
