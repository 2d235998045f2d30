"""A repair with a corpus gives back what the store held, and nothing that it was not to hold."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from encore.cli.main import run
from encore.featurestore import Catalogue, FeatureSpec, UsageError
from encore.featurestore.history.block_list import blocked
from encore.featurestore.history.versions import list_path, manifest_path
from encore.featurestore.repair.execution import BlockListChoice
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.repair.job import RepairResult, repair
from encore.pipelines.repair.predictions import repair_predictions
from encore.pipelines.repair.preview import RepairPreview, RepairRequest, preview_repair
from tests.pipelines.backfill.trained_heads import train
from tests.pipelines.jobs import ONE_WORKER, run_encode, texts, write_corpus

COUNT = 60


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, a store of it with two documents blocked and one deleted, a head and predictions."""
    site = tmp_path_factory.mktemp("site")
    rows = texts(COUNT)
    corpus = write_corpus(site / "corpus.parquet", rows)
    write_corpus(site / "first.parquet", rows[:40])
    store = str(site / "store")
    for files in (str(site / "first.parquet"), corpus):
        run_encode(store, files, unit_rows=20, quantizer="uint8", layers="mean:2")
    delete(Catalogue.open(store), ["d1", "d2"], block=True)
    train(Catalogue.open(store), site)
    backfill(BackfillRequest(store, (str(site / "parity"),), str(site / "out"), device="cpu"), beam_options=ONE_WORKER)
    (site / "blocked.txt").write_text("d1\nd2\n")
    return site


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "site")
    return tmp_path / "site"


def objects_of(site: Path) -> Objects:
    return Objects.open(str(site / "store"))


def cut(objects: Objects, path: str) -> None:
    objects.put(path, objects.get(path)[:-20])


def shards(site: Path) -> list[str]:
    return sorted(path for path, _ in objects_of(site).walk("segments") if "/features/c/" in path)


def asked(site: Path, **request: object) -> RepairRequest:
    inputs = (str(site / "corpus.parquet"),)
    return RepairRequest(str(site / "store"), **{"inputs": inputs, "device": "cpu", **request})  # type: ignore[arg-type]


def repaired(request: RepairRequest) -> tuple[RepairPreview, RepairResult]:
    found = preview_repair(request)
    return found, repair(request, found, beam_options=ONE_WORKER)


def test_what_was_damaged_is_encoded_again_as_it_was(made: Path, site: Path) -> None:
    cut(objects_of(site), shards(site)[0])
    cut(objects_of(site), "store.json")
    before = Catalogue.open(str(made / "store"))
    found, done = repaired(asked(site))
    assert (found.to_encode - 2, done.exit_code) == (found.plan.survey.lost, 0)
    assert done.encoded is not None
    assert done.encoded.document["documents"]["encoded"] == found.plan.survey.lost
    after = Catalogue.open(str(site / "store"))
    assert (after.digest(), after.spec) == (before.digest(), before.spec)
    assert verify(Objects.open(after.uri), deep=True).findings == ()
    assert preview_repair(asked(site)).needed is False


def test_segments_that_a_lost_list_named_are_not_encoded_again(made: Path, site: Path) -> None:
    objects = objects_of(site)
    for manifest in (Catalogue.open(objects.uri, version).manifest for version in (1, 2, 3)):
        objects.delete(list_path(part.digest) for part in manifest.lists)
    found, done = repaired(asked(site))
    assert found.plan.survey.base.version == 0
    assert (found.salvage.documents, done.from_whole_segments, found.to_encode) == (COUNT, COUNT, 0)
    assert done.encoded is not None
    assert done.encoded.document["documents"]["encoded"] == 0
    assert done.store.digest() == Catalogue.open(str(made / "store")).digest()
    assert verify(Objects.open(objects.uri), deep=True).findings == ()


def test_a_look_changes_nothing(site: Path) -> None:
    cut(objects_of(site), shards(site)[0])
    cut(objects_of(site), "store.json")
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    found = preview_repair(asked(site, predictions=(str(site / "out"),)))
    assert json.loads(json.dumps(found.to_dict()))["to_encode"] > 0
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before


def test_nothing_is_encoded_while_nobody_knows_what_is_blocked(made: Path, site: Path) -> None:
    cut(objects_of(site), "blocked/salt")
    cut(objects_of(site), shards(site)[0])
    found, done = repaired(asked(site))
    assert (found.corpus, done.encoded, done.exit_code) == (None, None, 1)
    assert len(done.store) < COUNT - 2
    _, done = repaired(asked(site, block_list=BlockListChoice(ids=["d1", "d2"])))
    assert done.exit_code == 0
    assert done.store.digest() == Catalogue.open(str(made / "store")).digest()
    assert blocked(done.store.objects).mask(["d1", "d2", "d3"]).tolist() == [True, True, False]


def test_deletions_that_only_a_lost_snapshot_knew_are_found_by_pruning(site: Path) -> None:
    objects = objects_of(site)
    after = delete(Catalogue.open(objects.uri), ["d7"]).store
    digest = after.digest()
    cut(objects, manifest_path(after.version))
    rows = [row for row in texts(COUNT) if row["doc_id"] != "d7"]
    write_corpus(site / "corpus.parquet", rows)
    _, kept = repaired(asked(site))
    assert "d7" in kept.store.documents(["doc_id"])["doc_id"].to_pylist()
    _, pruned = repaired(asked(site, prune=True))
    assert pruned.store.digest() == digest


class TestPredictions:
    """Folders of predictions are versions of the same mechanism."""

    def test_their_store_id_is_taken_where_the_store_has_lost_its_own(self, made: Path, site: Path) -> None:
        objects_of(site).delete(["store.json"])
        assert preview_repair(asked(site)).plan.new_id
        repaired(asked(site, predictions=(str(site / "out"),)))
        assert Catalogue.open(str(site / "store")).store_id == Catalogue.open(str(made / "store")).store_id

    def test_of_another_store_are_refused(self, site: Path) -> None:
        path = site / "out/predictions.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"store_id": "0" * 32}))
        with pytest.raises(UsageError, match="another store"):
            preview_repair(asked(site, predictions=(str(site / "out"),)))

    @pytest.mark.parametrize("damage", ["manifest", "list", "file"])
    def test_what_is_damaged_is_scored_again(self, made: Path, site: Path, damage: str) -> None:
        folder = PredictionsFolder.open(str(site / "out"))
        wanted = PredictionsFolder.open(str(made / "out")).read("parity").sort_by("doc_id")
        newest = folder.log.latest()
        file = folder.files()[0]
        paths = {"manifest": manifest_path(newest.version), "list": list_path(newest.lists[-1].digest)}
        cut(folder.objects, paths.get(damage, file.path))
        found = repair_predictions(folder, dry_run=True)
        assert (found.retired, found.unlisted) == (((), (file.path,)) if damage == "file" else ((1,), ()))
        _, done = repaired(asked(site, inputs=(), predictions=(str(site / "out"),)))
        assert (done.repaired, done.folders[0].version, done.exit_code) == (None, 2, 0)
        assert not repair_predictions(folder, dry_run=True).needed
        request = BackfillRequest(str(site / "store"), (str(site / "parity"),), str(site / "out"), device="cpu")
        assert backfill(request, beam_options=ONE_WORKER).exit_code == 0
        assert folder.read("parity").sort_by("doc_id").equals(wanted)


def test_no_encoder_is_fetched_that_the_store_alone_names(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut(objects_of(site), shards(site)[0])
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    real = FeatureSpec.from_dict
    for source, says in (("hf:somebody/model", "names its encoder 'hf:somebody/model'"), ("", "does not name")):

        def elsewhere(document: dict[str, Any], source: str = source) -> FeatureSpec:
            spec = real(document)
            return replace(spec, encoder=replace(spec.encoder, source=source))

        monkeypatch.setattr(FeatureSpec, "from_dict", elsewhere)
        with pytest.raises(UsageError, match=f"{says}.*--encoder"):
            preview_repair(asked(site))
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before


def words(site: Path, *more: str) -> list[str]:
    return ["repair", "--store", str(site / "store"), *more]


def test_the_command_says_first_what_it_would_do(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words(site)) == 0
    assert capsys.readouterr().out == f"nothing to repair: {site}/store is whole\n"
    path = shards(site)[0]
    cut(objects_of(site), path)
    assert run(words(site, "--dry-run")) == 1
    shown = capsys.readouterr().out
    assert shown.startswith(f"{site}/store/{path}\n  damaged: ")
    assert "name the corpus to bring them back" in shown
    assert run(words(site, "--dry-run", "--json")) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["dry_run"], found["done"], len(found["unlisted"])) == (True, None, 1)
    assert run(words(site)) == 0
    assert "repaired   snapshot 4\n" in capsys.readouterr().out
    assert run(words(site, str(site / "corpus.parquet"), "--json")) == 0
    done = json.loads(capsys.readouterr().out)["done"]
    assert (done["documents"], done["repaired"]) == (COUNT - 2, None)


def test_the_command_leaves_a_damaged_block_list_and_says_so(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut(objects_of(site), "blocked/salt")
    assert run(words(site, str(site / "corpus.parquet"))) == 1
    assert "--blocked-ids FILE" in capsys.readouterr().out
    both = ("--blocked-ids", str(site / "blocked.txt"), "--drop-block-list")
    assert run(words(site, *both)) == 2
    assert "contradict each other" in capsys.readouterr().err
    assert run(words(site, *both[:2])) == 0
    assert blocked(objects_of(site)).mask(["d1"]).all()
    assert run(["verify", "--store", str(site / "store"), "--deep"]) == 0


def test_the_command_says_what_is_left_where_the_newest_snapshot_is_damaged_with_the_block_list(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(objects_of(site), "blocked/salt")
    cut(objects_of(site), manifest_path(Catalogue.open(str(site / "store")).version))
    assert run(words(site, str(site / "corpus.parquet"))) == 1
    said = capsys.readouterr()
    assert "left" in said.out
    assert "not a manifest" not in said.err
    assert run(words(site, "--json")) == 1
    done = json.loads(capsys.readouterr().out)["done"]
    assert (done["snapshot"], done["documents"], len(done["repaired"]["left"])) == (None, None, 1)


def test_the_command_copies(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = str(site / "copy")
    assert run(["copy", "--store", str(site / "store"), "--to", copy, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["copy"], said["snapshot"], said["documents"], said["there"]) == (copy, 3, COUNT - 2, 0)
    assert run(["copy", "--store", str(site / "store"), "--to", copy]) == 0
    assert "written  0 objects" in capsys.readouterr().out
    assert run(["verify", "--store", copy, "--deep"]) == 0
    PredictionsFolder.open(str(site / "out")).require_store(Catalogue.open(copy))


def test_a_corpus_of_any_type_has_the_pairs_of_its_documents(site: Path) -> None:
    found = preview_repair(asked(site))
    assert found.corpus is not None
    assert found.corpus.num_rows == COUNT
    assert found.corpus.schema.types == [pa.binary(16), pa.binary(32)]
