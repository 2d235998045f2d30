"""Encore: a batch feature store for text.

Encode a corpus once, then train classifiers and score all of it from the store. The names in `__all__` are what a
program is to use; everything else is internal.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encore.api.backfill import backfill
    from encore.api.derive import derive
    from encore.api.encode import encode
    from encore.api.evaluate import evaluate
    from encore.api.export import export
    from encore.api.heads import load_head
    from encore.api.predict import Predicted, predict
    from encore.api.predictions import Predictions, open_predictions
    from encore.api.report import Report
    from encore.api.store import Store, open_store
    from encore.api.train import train
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
    "Predicted": "encore.api.predict",
    "Predictions": "encore.api.predictions",
    "Report": "encore.api.report",
    "SpecMismatch": "encore.featurestore.errors",
    "Store": "encore.api.store",
    "StoreError": "encore.featurestore.errors",
    "UsageError": "encore.featurestore.errors",
    "backfill": "encore.api.backfill",
    "derive": "encore.api.derive",
    "encode": "encore.api.encode",
    "evaluate": "encore.api.evaluate",
    "export": "encore.api.export",
    "load_head": "encore.api.heads",
    "open_predictions": "encore.api.predictions",
    "open_store": "encore.api.store",
    "predict": "encore.api.predict",
    "train": "encore.api.train",
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
    return sorted({*globals(), *__all__})
