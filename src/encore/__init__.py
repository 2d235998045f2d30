"""Encore: a batch feature store for text.

Encode a corpus once, then train classifiers and score all of it from the store. The names in `__all__` are what a
program is to use; everything else is internal.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encore.api.arguments.heads import load_head
    from encore.api.jobs.backfill import backfill
    from encore.api.jobs.derive import derive
    from encore.api.jobs.encode import encode
    from encore.api.jobs.export import export
    from encore.api.jobs.predict import Predicted, predict
    from encore.api.jobs.train import train
    from encore.api.results.evaluate import evaluate
    from encore.api.results.predictions import Predictions, open_predictions
    from encore.api.results.report import Report
    from encore.api.store import Store, open_store
    from encore.featurestore.errors import (
        CommitConflict,
        DataError,
        EncoreError,
        JobError,
        SpecMismatch,
        StoreError,
        UsageError,
    )
    from encore.heads.artefact import Head
    from encore.heads.metrics import Evaluation

    __version__: str

__all__ = [
    "CommitConflict",
    "DataError",
    "EncoreError",
    "Evaluation",
    "Head",
    "JobError",
    "Predicted",
    "Predictions",
    "Report",
    "SpecMismatch",
    "Store",
    "StoreError",
    "UsageError",
    "__version__",
    "backfill",
    "derive",
    "encode",
    "evaluate",
    "export",
    "load_head",
    "open_predictions",
    "open_store",
    "predict",
    "train",
]

_MODULES = {
    "CommitConflict": "encore.featurestore.errors",
    "DataError": "encore.featurestore.errors",
    "EncoreError": "encore.featurestore.errors",
    "Evaluation": "encore.heads.metrics",
    "Head": "encore.heads.artefact",
    "JobError": "encore.featurestore.errors",
    "Predicted": "encore.api.jobs.predict",
    "Predictions": "encore.api.results.predictions",
    "Report": "encore.api.results.report",
    "SpecMismatch": "encore.featurestore.errors",
    "Store": "encore.api.store",
    "StoreError": "encore.featurestore.errors",
    "UsageError": "encore.featurestore.errors",
    "backfill": "encore.api.jobs.backfill",
    "derive": "encore.api.jobs.derive",
    "encode": "encore.api.jobs.encode",
    "evaluate": "encore.api.results.evaluate",
    "export": "encore.api.jobs.export",
    "load_head": "encore.api.arguments.heads",
    "open_predictions": "encore.api.results.predictions",
    "open_store": "encore.api.store",
    "predict": "encore.api.jobs.predict",
    "train": "encore.api.jobs.train",
}


def __getattr__(name: str) -> Any:
    """What `__all__` names, from the module that has it: `import encore` itself loads none of them."""
    if name == "__version__":
        return import_module("importlib.metadata").version("encore-featurestore")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    load = import_module("encore.api.loading").load
    value = globals()[name] = getattr(load(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    """What an editor or a notebook offers."""
    return sorted(__all__)
