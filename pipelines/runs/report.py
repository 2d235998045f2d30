"""The report of a job's run, and the versions of what it ran with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

VERSIONED = ("encore-featurestore", "apache-beam", "numpy", "pyarrow", "torch", "transformers", "zarr")
"""Packages whose versions are in every report."""


@cache
def package_versions() -> dict[str, str]:
    """Package → installed version. Read once, from one file a package."""
    return {name: version(name) for name in VERSIONED}


@dataclass(frozen=True)
class JobReport:
    """The JSON report of a finished job.

    Attributes:
        document: the report.
        left_corpus: ids of the first documents that have left the corpus; kept apart, as a report holds no ids.
    """

    document: Mapping[str, Any]
    left_corpus: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shown = {name: self.document.get(name) for name in ("job", "exit_code", "documents", "failures")}
        return f"JobReport({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def exit_code(self) -> int:
        """0 if everything was done; 1 if units failed or the dead-letter limit was exceeded."""
        return int(self.document["exit_code"])

    def to_json(self) -> str:
        """Indented JSON."""
        return json.dumps(self.document, indent=1)
