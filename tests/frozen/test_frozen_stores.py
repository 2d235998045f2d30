"""Stores that earlier versions wrote are read by this one, and go on from there.

`stores/version-1` was written by Encore 0.1.0 and is never written again; `README.md` beside it says how. What it
holds was decoded with zarr, pyarrow and numpy alone, into the `.npz` file beside each store.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from encore.featurestore import Catalogue, FeatureBlock
from encore.featurestore.format.version import FORMAT_VERSION
from encore.featurestore.history.tags import read_tags
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage import Objects
from encore.featurestore.verification.store import verify
from encore.heads import Head, Scorer
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.predictions import PredictionsFolder
from tests.featurestore.building import put

STORES = Path(__file__).parent / "stores"
FROZEN = sorted(path.with_suffix("") for path in STORES.glob("version-*/*.npz"))


def read(store: Catalogue) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Document → hex digest of its text, and its decoded features."""
    block = FeatureBlock.concatenate(list(store.scan()))
    ids = block.doc_ids.to_pylist()
    values = store.spec.quantizer.dequantize(torch.from_numpy(block.packed), store.spec.width).numpy()
    rows = np.split(values, block.offsets[1:-1])
    digests = [digest.hex() for digest in block.index["text_digest"].to_pylist()]
    return dict(zip(ids, digests, strict=True)), dict(zip(ids, rows, strict=True))


def expected(frozen: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The same, as it was decoded when the store was written."""
    with np.load(f"{frozen}.npz") as held:
        ids = held["doc_ids"].tolist()
        rows = np.split(held["values"], np.cumsum(held["lengths"])[:-1])
        return dict(zip(ids, held["text_digests"].tolist(), strict=True)), dict(zip(ids, rows, strict=True))


def test_every_format_version_up_to_this_one_has_its_stores() -> None:
    versions = {frozen.parent.name for frozen in FROZEN}
    assert versions == {f"version-{number}" for number in range(1, FORMAT_VERSION + 1)}


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda path: f"{path.parent.name}-{path.name}")
class TestFrozenStore:
    def test_holds_the_documents_and_features_that_were_written(self, frozen: Path) -> None:
        digests, values = read(Catalogue.open(str(frozen)))
        assert digests == expected(frozen)[0]
        for document, rows in expected(frozen)[1].items():
            np.testing.assert_array_equal(values[document], rows)

    def test_is_found_whole(self, frozen: Path) -> None:
        assert verify(Objects.open(str(frozen)), deep=True).findings == ()

    def test_goes_on_from_there(self, frozen: Path, tmp_path: Path) -> None:
        digests, values = expected(frozen)
        uri = str(shutil.copytree(frozen, tmp_path / "store"))
        store = put(Catalogue.open(uri), {"new": "a text of today", "d1": "another text"})
        delete(store, ["d2"])
        compact(Catalogue.open(uri))
        vacuum(Catalogue.open(uri).objects, age_limit=timedelta(0))
        now, features = read(Catalogue.open(uri))
        assert set(now) == (set(digests) | {"new"}) - {"d2"}
        for document in set(digests) - {"d1", "d2"}:
            assert now[document] == digests[document]
            np.testing.assert_array_equal(features[document], values[document])
        assert verify(Objects.open(uri), deep=True).findings == ()


class TestHistoryOfVersion1:
    SIGN = STORES / "version-1" / "sign"

    def test_tags_and_older_snapshots_are_read(self) -> None:
        store = Catalogue.open(str(self.SIGN))
        assert read_tags(store.objects) == {"first": 1}
        assert set(read(Catalogue.open(str(self.SIGN), "first"))[0]) == {f"d{number}" for number in range(10)}
        assert [len(Catalogue.open(str(self.SIGN), number)) for number in range(1, store.version + 1)] == [
            10, 20, 19, 18, 18, 19, 18,
        ]  # fmt: skip

    def test_a_blocked_document_stays_blocked(self, tmp_path: Path) -> None:
        uri = str(shutil.copytree(self.SIGN, tmp_path / "store"))
        assert "d12" not in read(put(Catalogue.open(uri), {"d12": "back again", "d13": "not blocked"}))[0]

    def test_kept_columns_are_read(self) -> None:
        index = Catalogue.open(str(self.SIGN)).documents(["doc_id", "year"]).to_pylist()
        years = {row["doc_id"]: row["year"] for row in index}
        assert (years["d4"], years["é1"]) == (2001, 2001)


class TestHeadAndPredictionsOfVersion1:
    FOLDER = STORES / "version-1"

    def predictions(self, folder: Path) -> dict[str, tuple[str, float]]:
        files = PredictionsFolder.open(str(folder)).files()
        rows = [row for file in files for row in pq.read_table(folder / file.path).to_pylist()]
        return {row["doc_id"]: (row["label"], row["score"]) for row in rows}

    def test_the_head_answers_as_it_did(self) -> None:
        head, store = Head.load(self.FOLDER / "parity"), Catalogue.open(str(self.FOLDER / "sign"))
        block = FeatureBlock.concatenate(list(store.scan()))
        (scores,) = Scorer([head], store.spec).score(block)
        found = dict(zip(block.doc_ids.to_pylist(), scores.probabilities.max(axis=1).tolist(), strict=True))
        held = self.predictions(self.FOLDER / "predictions")
        assert {name: score for name, (_, score) in held.items()} == pytest.approx(found, abs=1e-5)

    def test_a_backfill_goes_on_from_there(self, tmp_path: Path) -> None:
        store, out = (str(shutil.copytree(self.FOLDER / name, tmp_path / name)) for name in ("sign", "predictions"))
        put(Catalogue.open(store), {"new": "a text of today"})
        report = backfill(BackfillRequest(store, (str(self.FOLDER / "parity"),), out))
        assert report.document["documents"]["scored"] == 1
        held = self.predictions(self.FOLDER / "predictions")
        now = self.predictions(Path(out))
        assert set(now) == set(held) | {"new"}
        assert {name: now[name] for name in held} == held
