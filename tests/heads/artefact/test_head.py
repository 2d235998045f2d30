"""Heads on disk: what is loaded is what was saved, or an error that names the file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import safetensors.torch
import torch

from encore.featurestore import SpecMismatch, StoreError, UsageError
from encore.heads import POOLINGS, Evaluation, Head, HeadModel, Scorer, TrainSettings, train_head
from encore.heads.artefact import folder as head_folder
from tests.heads.building import block_of, head_of, learnable, spec_of


def edit(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("layers", ["mean:4", "stack:4"])
@pytest.mark.parametrize("quantizer", ["float16", "uint8:per-dimension", "sign"])
def test_a_loaded_head_is_the_saved_one(tmp_path: Path, pooling: str, layers: str, quantizer: str) -> None:
    spec = spec_of(quantizer, layers)
    head = head_of(spec, pooling)
    head.save(tmp_path / "heads" / "topic")
    loaded = Head.load(tmp_path / "heads" / "topic")
    assert sorted(path.name for path in (tmp_path / "heads" / "topic").iterdir()) == [
        "head.json",
        "weights.safetensors",
    ]
    assert [path.name for path in (tmp_path / "heads").iterdir()] == ["topic"]
    for name in ("task", "classes", "spec", "snapshot", "training", "evaluation", "versions", "created_at", "digest"):
        assert getattr(loaded, name) == getattr(head, name)
    block = block_of(spec, [3, 1, 4], first_lengths=[2, 1, 1])
    ours, theirs = (Scorer([one], spec).score(block)[0].probabilities for one in (head, loaded))
    assert np.array_equal(ours, theirs)


def test_a_trained_head_records_where_it_comes_from(tmp_path: Path) -> None:
    spec = spec_of()
    block, codes = learnable(spec, 30, 2)
    settings = TrainSettings(epochs=2, seeds=(11,))
    trained = train_head(block, codes, spec, ("x", "y"), dev=block, dev_codes=codes, settings=settings)
    trained.head("topic-2", snapshot=7).save(tmp_path / "h")
    document = json.loads((tmp_path / "h" / "head.json").read_text())
    assert document["format_version"] == 1
    assert document["task"] == "topic-2"
    assert document["classes"] == ["x", "y"]
    assert document["design"] == {"pooling": "attention", "attention_heads": 1, "layer_mix": None}
    assert document["snapshot"] == 7
    assert document["fingerprint"] == spec.fingerprint
    assert document["training"]["settings"]["seeds"] == [11]
    assert document["training"]["documents"] == 30
    assert len(document["training"]["history"]) == 2
    assert document["versions"]["torch"] == torch.__version__
    assert document["created_at"].endswith("+00:00")
    assert set(document["evaluation"]["intervals"]) == {"accuracy", "macro_f1", "mcc"}
    loaded = Head.load(tmp_path / "h")
    assert isinstance(loaded.evaluation, Evaluation)
    assert loaded.evaluation == trained.evaluation


def test_the_digest_follows_what_changes_predictions_and_nothing_else() -> None:
    head = head_of(spec_of())
    assert head.digest == head_of(spec_of(), task="other").digest
    assert head.digest == replace(head, snapshot=9, created_at="now", training={}).digest
    assert head.digest != head_of(spec_of(), seed=1).digest
    assert head.digest != head_of(spec_of("uint8")).digest
    assert head.digest != head_of(spec_of(), "mean").digest
    assert head.digest != replace(head, classes=("yes", "perhaps", "no")).digest
    assert re.fullmatch("[0-9a-f]{64}", head.digest)


def test_a_head_knows_the_documents_that_trained_it_and_its_digest_does_not(tmp_path: Path) -> None:
    spec = spec_of()
    block, codes = learnable(spec, 30, 2)
    trained = train_head(block, codes, spec, ("x", "y"), settings=TrainSettings(epochs=1))
    unknown, known = trained.head("t"), trained.head("t", 7, block.doc_ids)
    assert unknown.trained_on is None
    assert known.digest == unknown.digest
    known.save(tmp_path / "h")
    assert b"d1" not in (tmp_path / "h" / "head.json").read_bytes().partition(b'"trained_on"')[2]
    loaded = Head.load(tmp_path / "h")
    assert loaded.trained_on is not None
    assert loaded.trained_on.count(block.doc_ids) == 30
    assert loaded.trained_on.count(pa.array(["d30", "other"])) == 0
    assert loaded.to_files() == known.to_files()


def test_a_head_with_an_evaluation_and_classes_in_any_form_is_read(tmp_path: Path) -> None:
    head = replace(head_of(spec_of()), classes=("a ", "b", "10"))
    evaluation = Evaluation.of(np.array([0, 1, 1]), np.array([0, 1, 0]), head.classes)
    replace(head, evaluation=evaluation).save(tmp_path / "h")
    loaded = Head.load(tmp_path / "h")
    assert loaded.classes == ("a ", "b", "10")
    assert loaded.digest == head.digest
    assert loaded.evaluation == evaluation


def test_a_head_of_many_classes_takes_little_room() -> None:
    many = tuple(map(str, range(2000)))
    codes = np.arange(2000)
    head = replace(head_of(spec_of()), evaluation=Evaluation.of(codes, codes[::-1].copy(), many))
    assert len(head.to_files()["head.json"]) < 500_000


@pytest.mark.parametrize(
    ("pooling", "heads", "digest"),
    [
        ("attention", 2, "9f613f65fc835e49395f0b0f9dcf33b27d32333d36e827ac0a41048f9cdeedf4"),
        ("mean", None, "272cec1ad5f78ee80f060143b06110aa9d1fa5243daac6668e65aee6e1bed60a"),
    ],
)
def test_heads_of_one_query_have_these_digests(pooling: str, heads: int | None, digest: str) -> None:
    model = HeadModel.build(spec_of(), 3, pooling, attention_heads=heads)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((torch.arange(parameter.numel()).view(parameter.shape) % 13 - 6) / 16)
    head = replace(head_of(spec_of()), model=model.eval())
    assert head.digest == digest
    files = head.to_files()
    document = json.loads(files["head.json"])
    assert document["design"] == {"pooling": pooling, "attention_heads": heads, "layer_mix": None}
    assert Head.from_files(files, "h").digest == digest


@pytest.mark.parametrize("layer_mix", ["uniform", "learned"])
def test_loading_draws_no_random_numbers(layer_mix: str) -> None:
    spec = spec_of(layers="stack:4")
    files = head_of(spec, layer_mix=layer_mix).to_files()
    before = torch.get_rng_state()
    loaded = Head.from_files(files, "h")
    assert torch.equal(torch.get_rng_state(), before)
    block = block_of(spec, [3, 1, 4])
    ours, theirs = (
        Scorer([head], spec).score(block)[0].probabilities for head in (head_of(spec, layer_mix=layer_mix), loaded)
    )
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("layers", ["mean:4", "stack:4"])
def test_several_queries_are_saved_and_loaded(tmp_path: Path, layers: str) -> None:
    spec = spec_of(layers=layers)
    head = head_of(spec, queries=3)
    head.save(tmp_path / "h")
    document = json.loads((tmp_path / "h" / "head.json").read_text())
    assert document["design"]["queries"] == 3
    loaded = Head.load(tmp_path / "h")
    assert loaded.digest == head.digest
    weights = loaded.model.state_dict()
    assert weights["pooling.query"].shape == (3, 16)
    assert weights["classifier.hidden.weight"].shape == (16, 48)
    assert all(torch.equal(weights[name], tensor) for name, tensor in head.model.state_dict().items())
    block = block_of(spec, [3, 1, 4])
    ours, theirs = (Scorer([one], spec).score(block)[0].probabilities for one in (head, loaded))
    assert np.array_equal(ours, theirs)


def test_uniform_and_learned_mixes_of_equal_weights_are_told_apart() -> None:
    spec = spec_of(layers="stack:4")
    assert head_of(spec, layer_mix="uniform").digest != head_of(spec, layer_mix="learned").digest


def test_the_same_weights_in_more_attention_heads_are_another_head() -> None:
    spec = spec_of()
    models = [HeadModel.build(spec, 3, "attention", attention_heads=heads) for heads in (2, 4)]
    models[1].load_state_dict(models[0].state_dict())
    first, second = (replace(head_of(spec), model=model) for model in models)
    assert first.digest != second.digest


def test_a_head_refuses_features_of_another_spec_side_by_side() -> None:
    head = head_of(spec_of("sign"))
    head.require(spec_of("sign"))
    with pytest.raises(SpecMismatch) as refusal:
        head.require(spec_of("uint8", "mean:2"), "head topic", "store s")
    assert set(refusal.value.differences) >= {"layers", "quantizer"}
    assert re.search(r"layers +mean:4 +\| +mean:2", str(refusal.value))
    assert "head topic and store s" in str(refusal.value)


def test_another_calibration_is_another_spec() -> None:
    spec = spec_of("uint8")
    other = replace(spec, quantizer=replace(spec.quantizer, scale=(0.5,)))
    with pytest.raises(SpecMismatch):
        head_of(spec).require(other)


def test_saving_replaces_a_head_that_is_there(tmp_path: Path) -> None:
    head_of(spec_of(), seed=0).save(tmp_path / "h")
    newer = head_of(spec_of(), seed=1)
    newer.save(str(tmp_path / "h") + "/")
    assert Head.load(tmp_path / "h").digest == newer.digest
    assert [path.name for path in tmp_path.iterdir()] == ["h"]


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_head_is_on_the_disk_before_it_has_its_name_and_the_old_one_goes_last(
    exchanges: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (head_of(spec_of(), seed=seed) for seed in (0, 1))
    old.save(tmp_path / "h")
    named: list[tuple[str, list[str]]] = []

    def synced(folder: Path) -> None:
        at = "the old" if Head.load(tmp_path / "h").digest == old.digest else "the new"
        beside = sorted(path.name for path in tmp_path.rglob("*") if path.name in {"old", "new"})
        named.append((f"{folder.name} while {at} has the name", beside))

    if not exchanges:
        monkeypatch.setattr(head_folder, "exchange", lambda *_: False)
    monkeypatch.setattr(head_folder, "sync_tree", synced)
    monkeypatch.setattr(head_folder, "sync_folder", synced)
    new.save(tmp_path / "h")
    kept = "new" if exchanges else "old"
    assert named == [
        ("new while the old has the name", ["new"]),
        (f"{tmp_path.name} while the new has the name", [kept]),
    ]
    assert Head.load(tmp_path / "h").digest == new.digest
    assert [path.name for path in tmp_path.iterdir()] == ["h"]


def test_an_empty_directory_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "h").mkdir()
    head_of(spec_of()).save(tmp_path / "h")
    assert Head.load(tmp_path / "h").task == "task"


def test_a_directory_that_is_not_a_heads_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"holds thesis\.tex, which no head has"):
        head_of(spec_of()).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(UsageError, match="is a file; give a directory"):
        head_of(spec_of()).save(tmp_path / "thesis.tex")


def test_a_folder_that_cannot_take_the_name_gives_the_old_head_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = head_of(spec_of(), seed=0)
    old.save(tmp_path / "h")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(head_folder, "exchange", lambda *_: False)
    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(KeyboardInterrupt):
        head_of(spec_of(), seed=1).save(tmp_path / "h")
    monkeypatch.undo()
    assert Head.load(tmp_path / "h").digest == old.digest
    assert [path.name for path in tmp_path.iterdir()] == ["h"]


def test_a_disk_that_refuses_is_an_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match=r"h: cannot be written: No space left on device"):
        head_of(spec_of()).save(tmp_path / "h")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("task", ["", ".hidden", "-x", "a/b", "a b", "..", "ä", "x" * 101, "a\n"])
def test_a_task_name_that_no_folder_can_bear_is_refused(task: str) -> None:
    with pytest.raises(UsageError, match=r"expected letters, digits, '\.', '_' and '-'"):
        head_of(spec_of(), task=task)


@pytest.mark.parametrize("task", ["topic", "sst2", "A.b_c-d", "7"])
def test_task_names_of_letters_digits_and_marks_are_taken(task: str) -> None:
    assert head_of(spec_of(), task=task).task == task


def damage_json(path: Path) -> None:
    (path / "head.json").write_text('{"format_version": 1, "task"')


def truncate_weights(path: Path) -> None:
    data = (path / "weights.safetensors").read_bytes()
    (path / "weights.safetensors").write_bytes(data[: len(data) // 2])


def flip_a_weight(path: Path) -> None:
    data = bytearray((path / "weights.safetensors").read_bytes())
    data[-2] ^= 1
    (path / "weights.safetensors").write_bytes(data)


def reshape_a_weight(path: Path) -> None:
    weights = safetensors.torch.load_file(path / "weights.safetensors")
    weights["pooling.query"] = torch.zeros(3)
    safetensors.torch.save_file(weights, path / "weights.safetensors")


def drop_a_weight(path: Path) -> None:
    weights = safetensors.torch.load_file(path / "weights.safetensors")
    del weights["classifier.output.bias"]
    safetensors.torch.save_file(weights, path / "weights.safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_json, r"h/head\.json: damaged: "),
        (lambda path: (path / "head.json").write_bytes(b"\xff\xfe"), r"h/head\.json: damaged: "),
        (lambda path: (path / "head.json").write_text("[]"), r"h/head\.json: damaged: "),
        (lambda path: (path / "head.json").unlink(), r"h/head\.json: missing"),
        (lambda path: (path / "weights.safetensors").unlink(), r"h/weights\.safetensors: missing"),
        (lambda path: (path / "weights.safetensors").write_bytes(b""), r"h/weights\.safetensors: damaged: "),
        (truncate_weights, r"h/weights\.safetensors: damaged: "),
        (reshape_a_weight, r"h/weights\.safetensors: damaged: "),
        (drop_a_weight, r"h/weights\.safetensors: damaged: "),
        (flip_a_weight, r"h: damaged: head\.json and weights\.safetensors are not those that were saved together"),
        (lambda path: edit(path / "head.json", lambda d: d.pop("classes")), r"head\.json: damaged: no 'classes'"),
        (lambda path: edit(path / "head.json", lambda d: d["classes"].reverse()), "not those that were saved together"),
        (lambda path: edit(path / "head.json", lambda d: d["classes"].pop()), r"weights\.safetensors: damaged"),
        (lambda path: edit(path / "head.json", lambda d: d.update(trained_on="x")), r"h/head\.json: damaged: "),
        (lambda path: edit(path / "head.json", lambda d: d.update(task="../x")), r"head\.json: damaged: task '\.\./x'"),
        (lambda path: edit(path / "head.json", lambda d: d["spec"].update(layers="mean:9")), r"head\.json: damaged: "),
        (
            lambda path: edit(path / "head.json", lambda d: d["spec"].update(layers="mean:3")),
            "not those that were saved",
        ),
        (
            lambda path: edit(path / "head.json", lambda d: d["design"].update(pooling="no-such-pooling")),
            r"head\.json: damaged: ",
        ),
        (
            lambda path: edit(path / "head.json", lambda d: d["design"].update(queries=2)),
            r"weights\.safetensors: damaged",
        ),
        (
            lambda path: edit(path / "head.json", lambda d: d["design"].update(queries=0)),
            r"head\.json: damaged: queries 0",
        ),
        (lambda path: edit(path / "head.json", lambda d: d.update(format_version=2)), "format version 2; this release"),
    ],
)
def test_a_damaged_head_is_refused_and_the_file_named(
    tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    head_of(spec_of()).save(tmp_path / "h")
    damage(tmp_path / "h")
    with pytest.raises(StoreError, match=message):
        Head.load(tmp_path / "h")


def test_a_directory_that_is_none_or_holds_no_head_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no/such: no such directory"):
        Head.load(tmp_path / "no" / "such")
    with pytest.raises(UsageError, match=r"not a head: no head\.json in it"):
        Head.load(tmp_path)


def test_a_head_travels_as_files() -> None:
    head = head_of(spec_of())
    assert Head.from_files(head.to_files(), "predictions/heads/task").digest == head.digest
    assert head.to_files() == head.to_files()
