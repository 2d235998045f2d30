"""The reference of Python is that of the public names."""

from __future__ import annotations

import re
from pathlib import Path

import encore
import encore.beam

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "python.md"
GIVEN = {
    "encore.featurestore.documents.blocks.FeatureBlock",
    "encore.featurestore.quantizers.base.contract.Quantizer",
    "encore.featurestore.spec.FeatureSpec",
    "encore.heads.feature_dataset.FeatureDataset",
}
"""Classes of internal modules that public functions give to a user."""


def test_the_page_has_every_public_name_once_and_no_other_but_what_they_give() -> None:
    named = re.findall(r"^::: (\S+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    public = {f"encore.{name}" for name in encore.__all__ if name != "__version__"}
    public |= {f"encore.beam.{name}" for name in encore.beam.__all__}
    assert sorted(named) == sorted(public | GIVEN)
