"""The how-to's own models, on documents whose topic shows in their features."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.featurestore import Catalogue, Change, commit
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.writer import EncodingCounts, write_segment
from tests.docs.python_blocks import python_blocks
from tests.heads.building import learnable, spec_of

OPENING, SKLEARN, TORCH = python_blocks("train-your-own-model.md")
TOPICS = np.array(["politics", "science", "sports"])
HELD_OUT = 60


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store, and labels of its documents in two files."""
    spec = spec_of("uint8", width=32)
    block, codes = learnable(spec, 300, len(TOPICS))
    store = Catalogue.create(str(tmp_path / "features"), spec)
    counts = EncodingCounts(len(block.packed), len(block.packed))
    record = write_segment(store.objects, store.segment_for(block.index), block, spec, counts, codec="none")
    commit(store, Change(0, "encode", [SegmentEntry.of(record)]))
    labels = pa.table({"doc_id": block.doc_ids, "label": TOPICS[codes]})
    pq.write_table(labels.slice(HELD_OUT), tmp_path / "topics.parquet")
    pq.write_table(labels.slice(0, HELD_OUT), tmp_path / "topics-held-out.parquet")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("model", [SKLEARN, TORCH], ids=["scikit-learn", "torch"])
def test_the_model_learns(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "sklearn" in model:
        pytest.importorskip("sklearn", reason="the extra bench is not installed")
    exec(OPENING + model, {"__name__": "__main__"})
    (accuracy,) = re.findall(r"accuracy ([\d.]+)", capsys.readouterr().out)
    assert float(accuracy) > 0.6, "a guess is right in a third"
