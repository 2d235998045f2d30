"""Heads from strangers: what cannot score is refused when it is loaded, in one line that says why."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from encore.featurestore import StoreError, UsageError
from encore.featurestore.spec import EncoderSpec
from encore.heads import Evaluation, Head
from encore.heads.artefact.head import _digest
from tests.heads.building import head_of, spec_of

Files = dict[str, bytes]
Weights = dict[str, torch.Tensor]
OUTPUT, BIAS = "classifier.output.weight", "classifier.output.bias"


def rewritten(
    document: Callable[[dict[str, Any]], object] = dict, weights: Callable[[Weights], Weights] = dict, **design: Any
) -> Files:
    """The files of a head after changes, with the digest that they would have."""
    spec = spec_of(layers="stack:4") if "layer_mix" in design else spec_of()
    files = head_of(spec).to_files()
    head, changed = json.loads(files["head.json"]), weights(safetensors.torch.load(files["weights.safetensors"]))
    document(head)
    head["design"] |= design
    if isinstance(head["classes"], list):
        # As far as there is one: numpy knows no bfloat16.
        known = {name: w.float() if w.dtype == torch.bfloat16 else w for name, w in changed.items()}
        head["digest"] = _digest(tuple(head["classes"]), head["fingerprint"], head["design"], known)
    return {"head.json": json.dumps(head).encode(), "weights.safetensors": safetensors.torch.save(changed)}


def refused(files: Files) -> str:
    with pytest.raises(StoreError) as refusal:
        Head.from_files(files, "h")
    message = str(refusal.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 400
    return message


def changed(name: str, value: torch.Tensor) -> Callable[[Weights], Weights]:
    return lambda weights: weights | {name: value}


def test_a_head_whose_files_are_written_anew_is_taken() -> None:
    assert Head.from_files(rewritten(), "h").digest == head_of(spec_of()).digest


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", [BIAS, OUTPUT, "pooling.query", "pooling.key_weight"])
def test_weights_that_are_not_finite_are_refused(name: str, value: float) -> None:
    def spoil(weights: Weights) -> Weights:
        weights[name].view(-1)[-1] = value
        return weights

    expected = f"h/weights.safetensors: damaged: {name} holds numbers that are not finite; train the head again"
    assert refused(rewritten(weights=spoil)) == expected


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("names", [{BIAS}, None])
def test_weights_of_another_type_are_refused(kind: torch.dtype, names: set[str] | None) -> None:
    def cast(weights: Weights) -> Weights:
        return {name: w.to(kind) if names is None or name in names else w for name, w in weights.items()}

    assert f"is {str(kind).removeprefix('torch.')}, expected float32" in refused(rewritten(weights=cast))


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (changed(OUTPUT, torch.zeros(3, 8)), "classifier.output.weight has shape (3, 8), head.json says (3, 16)"),
        (changed(OUTPUT, torch.zeros(2, 16)), "has shape (2, 16), head.json says (3, 16)"),
        (lambda weights: {n: w for n, w in weights.items() if n != OUTPUT}, "has shape none, head.json says (3, 16)"),
        (changed(BIAS, torch.zeros(4)), "Error(s) in loading state_dict"),
        (changed("pooling.query", torch.zeros(2, 16)), "Error(s) in loading state_dict"),
        (changed("another", torch.zeros(1)), "Error(s) in loading state_dict"),
    ],
)
def test_weights_of_other_names_and_shapes_are_refused(weights: Callable[[Weights], Weights], says: str) -> None:
    message = refused(rewritten(weights=weights))
    assert message.startswith("h/weights.safetensors: damaged: ")
    assert says in message


@pytest.mark.parametrize(
    "shape", [[10**9, 10**9], [10**18, 0], [3, 16], [2**62, 2], [-1]], ids=["huge", "no rows", "short", "over", "minus"]
)
def test_a_file_that_declares_weights_which_it_does_not_hold_is_refused(shape: list[int]) -> None:
    header = json.dumps({OUTPUT: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}).encode()
    files = rewritten() | {"weights.safetensors": struct.pack("<Q", len(header)) + header}
    assert refused(files).startswith("h/weights.safetensors: damaged: ")


@pytest.mark.parametrize(
    "classes",
    [
        [1, 2, 3],
        ["a", "b", 3],
        ["a", "b", None],
        ["a", "b", ""],
        ["a", "b", "a"],
        ["a", "b", ["c"]],
        ["a", "b", "\ud800"],
        "abc",
        {"a": 1, "b": 2, "c": 3},
        None,
    ],
)
def test_classes_that_are_not_names_each_once_are_refused(classes: object) -> None:
    assert refused(rewritten(lambda head: head.update(classes=classes))).startswith("h/head.json: damaged: ")


@pytest.mark.parametrize("count", [0, 1])
def test_a_head_of_fewer_than_two_classes_is_refused(count: int) -> None:
    def cut(weights: Weights) -> Weights:
        return weights | {name: weights[name][:count].clone() for name in (OUTPUT, BIAS)}

    files = rewritten(lambda head: head.update(classes=["a"][:count]), cut)
    assert refused(files) == (
        "h/head.json: damaged: its classes are fewer than two, or one comes twice; train the head again"
    )


@pytest.mark.parametrize(
    "design",
    [
        {"queries": 10**9},
        {"queries": 2.0},
        {"queries": True},
        {"queries": "1"},
        {"queries": None},
        {"attention_heads": 0},
        {"attention_heads": -1},
        {"attention_heads": 3},
        {"attention_heads": 2.0},
        {"attention_heads": True},
        {"layer_mix": ["uniform"]},
        {"layer_mix": "other"},
        {"pooling": ["cls"]},
        {"pooling": "x" * 1000},
        {"dropout": 0.5},
        {"generator": 3},
        {"classes": 4},
        {"x" * 1000: 1},
    ],
)
def test_a_design_that_no_head_has_is_refused(design: dict[str, Any]) -> None:
    assert refused(rewritten(**design)).startswith("h/head.json: damaged: ")


@pytest.mark.parametrize("design", [None, [1], "cls", 3])
def test_a_design_that_is_no_object_is_refused(design: object) -> None:
    files = rewritten()
    document = json.loads(files["head.json"]) | {"design": design}
    assert "its design is no JSON object" in refused(files | {"head.json": json.dumps(document).encode()})


@pytest.mark.parametrize("field", ["training", "versions", "snapshot", "created_at"])
@pytest.mark.parametrize("value", [[], [1], [["a", 1]], 1.5])
def test_provenance_of_another_kind_is_refused(field: str, value: object) -> None:
    message = refused(rewritten(lambda head: head.update({field: value})))
    assert message == f"h/head.json: damaged: {field} is of the wrong kind; train the head again"


@pytest.mark.parametrize(
    "evaluation",
    [
        3,
        [],
        {},
        "x",
        {
            **dict.fromkeys(["accuracy", "macro_f1", "mcc", "majority", "missing", "unlabelled"], "x"),
            "intervals": {"accuracy": [1, 2]},
            "classes": "xyz",
            "confusion": ["abc"],
        },
        Evaluation.of(np.array([0, 1]), np.array([0, 1]), ("x", "y")).to_dict()
        | {"confusion": {"truth": [0, 5], "predicted": [0, 1], "documents": [1, 1]}},
    ],
)
def test_an_evaluation_of_another_shape_is_refused(evaluation: object) -> None:
    assert refused(rewritten(lambda head: head.update(evaluation=evaluation))).startswith("h/head.json: damaged: ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"format_version": 1, "a": ' + b"[" * 200_000, "maximum recursion depth"),
        (b'{"format_version": NaN}', "NaN is not a JSON number"),
        (b'{"format_version": 1, "training": {"seconds": 1e999}}', "1e999 is not a JSON number"),
        (b'{"format_version": 1, "a": ' + b"1" * 5000 + b"}", "Exceeds the limit"),
    ],
)
def test_a_document_that_is_hardly_json_is_refused(content: bytes, says: str) -> None:
    assert refused(rewritten() | {"head.json": content}).startswith(f"h/head.json: damaged: {says}")


@pytest.mark.parametrize(
    "sizes",
    [
        {"hidden_size": 10**12},
        {"hidden_size": 2**62},
        {"hidden_size": 0},
        {"hidden_size": 16.0},
        {"num_layers": 10**10},
        {"num_layers": "6"},
        {"num_layers": True},
        {"source": 3},
        {"name": None},
    ],
)
def test_features_of_an_encoder_that_cannot_be_are_refused(sizes: dict[str, Any]) -> None:
    assert refused(rewritten(lambda head: head["spec"]["encoder"].update(sizes))).startswith("h/head.json: damaged: ")
    with pytest.raises(UsageError):
        replace(spec_of().encoder, **sizes)


def test_a_stack_of_more_layers_than_any_encoder_has_takes_no_memory() -> None:
    def claim(head: dict[str, Any]) -> None:
        head["spec"]["encoder"]["num_layers"] = 10**10
        head["spec"]["layers"] = f"stack:{10**10}"

    assert "number of layers 10000000000: expected 1 to 10,000" in refused(rewritten(claim, layer_mix="uniform"))


def test_an_encoder_as_large_as_any_is_taken() -> None:
    assert EncoderSpec("aa", "bb", hidden_size=20_000, num_layers=200).num_layers == 200


def test_files_of_a_head_may_be_links(tmp_path: Path) -> None:
    head_of(spec_of()).save(tmp_path / "kept")
    (tmp_path / "h").mkdir()
    for file in ("head.json", "weights.safetensors"):
        (tmp_path / "h" / file).symlink_to(tmp_path / "kept" / file)
    assert Head.load(tmp_path / "h").task == "task"


@pytest.mark.parametrize("name", ["head.json", "weights.safetensors"])
def test_a_pipe_is_no_file_of_a_head(tmp_path: Path, name: str) -> None:
    head_of(spec_of()).save(tmp_path / "h")
    (tmp_path / "h" / name).unlink()
    os.mkfifo(tmp_path / "h" / name)
    with pytest.raises(StoreError, match=f"h/{name}: missing"):
        Head.load(tmp_path / "h")
