"""One removal with two policies: vacuum, by age, and forget, all that is not live."""

from encore.featurestore.removal.forget import (
    FAR,
    ForgetReport,
    age_cutoff,
    remove_aside,
    remove_forgotten,
    remove_runs,
    remove_temporary_files,
    rewrite,
)
from encore.featurestore.removal.live_set import KeepRule
from encore.featurestore.removal.plan import LIST_NAME
from encore.featurestore.removal.vacuum import AGE_LIMIT, Vacuum, vacuum

__all__ = [
    "AGE_LIMIT",
    "FAR",
    "LIST_NAME",
    "ForgetReport",
    "KeepRule",
    "Vacuum",
    "age_cutoff",
    "remove_aside",
    "remove_forgotten",
    "remove_runs",
    "remove_temporary_files",
    "rewrite",
    "vacuum",
]
