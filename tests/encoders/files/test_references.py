"""Files that an encoder's files name are looked for beside them. Only safetensors count as its weights."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from encore.encoders import Encoder, load_encoder
from encore.encoders.files.references import WEIGHTS_FILE
from tests.encoders.editing import edit_json
from tests.encoders.refusal import refused
from tests.models import tiny_bert


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tiny_bert(tmp_path / "folder" / "model")


@pytest.fixture
def unpickled(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Files that are read as a pickle."""
    read: list[object] = []
    monkeypatch.setattr(torch, "load", lambda file, **_: read.append(file))
    return read


def shard(path: Path, name: str) -> Path:
    """Keep an encoder's weights in a file of another name, which its index names; return that file."""
    weights = load_file(path / WEIGHTS_FILE)
    (path / WEIGHTS_FILE).unlink()
    file = path / name
    file.parent.mkdir(exist_ok=True)
    save_file(weights, file, metadata={"format": "pt"})
    index = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(weights, name)}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    return file


def test_weights_of_another_name_beside_their_index_are_read(path: Path, bert: Encoder) -> None:
    shard(path, "model-00001-of-00001.safetensors")
    assert load_encoder(str(path), device="cpu").spec == bert.spec


@pytest.mark.parametrize(
    "name",
    ["../x.safetensors", "sub/x.safetensors", "./x.safetensors", "/tmp/encore-x.safetensors", "..\\x.safetensors"],
)
def test_an_index_that_names_a_path_is_refused(path: Path, name: str) -> None:
    shard(path, "x.safetensors")
    index = path / "model.safetensors.index.json"
    edit_json(index, weight_map=dict.fromkeys(json.loads(index.read_text())["weight_map"], name))
    assert f"model.safetensors.index.json names {name!r}; only names of .safetensors files beside it" in refused(path)


@pytest.mark.parametrize("name", ["weights.bin", "pytorch_model.bin", "x.safetensors.bin", "x.gguf", "..", "", 3, None])
def test_an_index_that_names_other_weights_than_safetensors_is_refused_and_nothing_unpickled(
    path: Path, unpickled: list[object], name: object
) -> None:
    weights = load_file(path / WEIGHTS_FILE)
    (path / WEIGHTS_FILE).unlink()
    torch.save(weights, path / "weights.bin")
    edit_json(path / "model.safetensors.index.json", metadata={}, weight_map=dict.fromkeys(weights, name))
    assert f"names {name!r}; only names of .safetensors files beside it are read" in refused(path)
    assert unpickled == []


@pytest.mark.parametrize("places", [{}, [], None, "x.safetensors"])
def test_an_index_of_nothing_is_refused(path: Path, places: object) -> None:
    shard(path, "x.safetensors")
    edit_json(path / "model.safetensors.index.json", weight_map=places)
    assert "its model.safetensors.index.json has no weight_map" in refused(path)


def test_a_file_that_its_index_names_and_is_not_there_is_named(path: Path) -> None:
    shard(path, "x.safetensors").unlink()
    assert "no x.safetensors there, which its model.safetensors.index.json names" in refused(path)


@pytest.mark.parametrize("name", ["adapter_model.bin", "other.safetensors", "other.safetensors.index.json"])
def test_settings_that_name_another_file_of_weights_are_refused(path: Path, unpickled: list[object], name: str) -> None:
    (path / WEIGHTS_FILE).rename(path / name)
    save_file({"x": torch.zeros(1)}, path / WEIGHTS_FILE)
    edit_json(path / "config.json", transformers_weights=name)
    assert "its config.json has transformers_weights, which Encore does not follow" in refused(path)
    assert unpickled == []


def test_a_part_of_a_distributed_checkpoint_is_not_taken_for_the_weights(path: Path) -> None:
    save_file({"x": torch.zeros(1)}, path / "shard-00001-model-00001-of-00001.safetensors")
    assert "is a part of a distributed training's checkpoint" in refused(path)


def test_pickled_weights_beside_safetensors_are_left_alone(path: Path, bert: Encoder, unpickled: list[object]) -> None:
    (path / "pytorch_model.bin").write_bytes(b"a pickle")
    assert load_encoder(str(path), device="cpu").spec == bert.spec
    assert unpickled == []


def test_files_that_are_links_are_read_as_in_the_cache_of_the_hub(path: Path, bert: Encoder, tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    for file in list(path.iterdir()):
        file.rename(tmp_path / "blobs" / file.stem)
        file.symlink_to(Path("..", "..", "blobs", file.stem))
    assert load_encoder(str(path), device="cpu").spec == bert.spec


def test_a_link_to_a_pickle_is_read_as_safetensors_and_refused(
    path: Path, tmp_path: Path, unpickled: list[object]
) -> None:
    torch.save({"x": torch.zeros(1)}, tmp_path / "weights")
    (path / WEIGHTS_FILE).unlink()
    (path / WEIGHTS_FILE).symlink_to(tmp_path / "weights")
    assert "its weights cannot be loaded" in refused(path)
    assert unpickled == []


@pytest.mark.parametrize("name", [WEIGHTS_FILE, "config.json"])
def test_a_pipe_is_no_file_of_an_encoder(path: Path, name: str) -> None:
    (path / name).unlink()
    os.mkfifo(path / name)
    assert f"no {name} there" in refused(path)


@pytest.mark.parametrize(
    ("file", "setting", "name"),
    [
        ("config.json", "configuration_files", "../config.4.0.0.json"),
        ("tokenizer_config.json", "fast_tokenizer_files", "../tokenizer.4.0.0.json"),
    ],
)
def test_settings_that_name_files_elsewhere_to_be_read_instead_are_refused(
    path: Path, file: str, setting: str, name: str
) -> None:
    (path / name).write_bytes((path / file).read_bytes())
    edit_json(path / file, **{setting: [name]})
    assert f"its {file}: {setting} names {name!r}; only names of files beside it are read" in refused(path)
