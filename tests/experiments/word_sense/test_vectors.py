"""The vector of a target is the mean of its stored rows, whatever blocks they are read in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from encore.experiments.word_sense.alignment import WordRows
from encore.experiments.word_sense.vectors import word_vectors
from encore.featurestore import Catalogue
from tests.pipelines.jobs import run_encode, texts, write_corpus


@pytest.fixture(params=["float16", "uint8:per-dimension", "int2", "sign"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Catalogue:
    corpus = write_corpus(tmp_path / "corpus.parquet", texts(30))
    run_encode(tmp_path / "store", corpus, quantizer=request.param, layers="layer:2", unit_rows=8)
    return Catalogue.open(str(tmp_path / "store"))


@pytest.mark.parametrize("block_bytes", [1, 1000, 64 << 20])
def test_each_vector_is_the_mean_of_its_rows(
    store: Catalogue, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    scan = Catalogue.scan
    monkeypatch.setattr(Catalogue, "scan", lambda self: scan(self, block_bytes))
    random = np.random.default_rng(0)
    # Some of the stored documents are no sentence of the instances, and some sentences have no instance.
    ids = [f"d{number}" for number in random.permutation(30)[:25]]
    sentences = random.integers(0, 20, 40)
    counts = random.integers(0, 3, 40)
    rows = WordRows(sentences, random.integers(1, 2, 40), counts)
    found = word_vectors(store, pa.chunked_array([ids]), rows)
    assert found.dtype == np.float32
    for i in range(40):
        [block] = [store.gather([ids[sentences[i]]])]
        packed = torch.from_numpy(np.asarray(block.packed[1 : 1 + counts[i]]))
        decoded: Any = store.spec.quantizer.dequantize(packed, store.spec.width).numpy()
        expected = decoded.mean(axis=0) if counts[i] else np.zeros(store.spec.width)
        np.testing.assert_allclose(found[i], expected, atol=1e-6)
