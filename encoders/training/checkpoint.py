"""The checkpoint of a training: one safetensors file with all tensors, and everything else in its metadata.

It is one file, so that one rename replaces the last checkpoint. A process that is killed while writing leaves the last
one intact.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from encore.encoders.training.joint import JointTraining
from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.storage import sync_file, sync_folder

FORMAT_VERSION = 1
METADATA = "encore"
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def save_checkpoint(training: JointTraining, path: Path) -> None:
    """Write the state of a training between two steps.

    Raises:
        StoreError: it cannot be written.
    """
    document = {
        "format_version": FORMAT_VERSION,
        "identity": training.identity,
        "done": training.done,
        "seconds": training.seconds,
        "history": training.history.state(),
    }
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        safetensors.torch.save_file(_tensors(training), beside, {METADATA: json.dumps(document)})
        sync_file(beside)
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"checkpoint {path}: cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


def resume(training: JointTraining, path: Path) -> bool:
    """Restore a fresh training from a checkpoint.

    Args:
        training: built from the same encoder, tasks and settings.
        path: of the checkpoint.

    Returns:
        Whether there was one.

    Raises:
        UsageError: the checkpoint is of another training.
        StoreError: the checkpoint is damaged.
    """
    if not path.is_file():
        return False
    try:
        with safe_open(path, "pt") as file:
            document = json.loads(file.metadata()[METADATA])
            _require_same(training.identity, document, path)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        _restore(training, tensors)
        training.history.restore(document["history"])
        training.done, training.seconds = document["done"], document["seconds"]
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise StoreError(f"checkpoint {path}: damaged: {error}; remove it to start afresh") from error
    return True


def _modules(training: JointTraining) -> dict[str, nn.Module]:
    return {"model": training.encoder.model, **{f"heads/{task}": head for task, head in training.heads.items()}}


def _parameters(training: JointTraining) -> dict[str, nn.Parameter]:
    """Name → parameter, in the optimizer's order."""
    return {
        f"{prefix}/{name}": weight
        for prefix, module in _modules(training).items()
        for name, weight in module.named_parameters()
    }


def _tensors(training: JointTraining) -> dict[str, torch.Tensor]:
    found = {
        f"{prefix}/{name}": tensor
        for prefix, module in _modules(training).items()
        for name, tensor in module.state_dict().items()
    }
    for name, weight in _parameters(training).items():
        state = training.optimizer.state.get(weight, {})
        found |= {f"adam/{moment}/{name}": state[moment] for moment in MOMENTS if moment in state}
    # Copy tensors: safetensors refuses those that share memory, such as tied weights.
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in found.items()}


def _restore(training: JointTraining, tensors: dict[str, torch.Tensor]) -> None:
    for prefix, module in _modules(training).items():
        own = {name: tensors[f"{prefix}/{name}"] for name in module.state_dict()}
        module.load_state_dict(own)
    state: dict[int, dict[str, torch.Tensor]] = {}
    for number, name in enumerate(_parameters(training)):
        if f"adam/step/{name}" in tensors:
            state[number] = {moment: tensors[f"adam/{moment}/{name}"] for moment in MOMENTS}
    groups = training.optimizer.state_dict()["param_groups"]
    training.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _require_same(mine: dict[str, Any], document: dict[str, Any], path: Path) -> None:
    if document["format_version"] != FORMAT_VERSION:
        raise UsageError(
            f"checkpoint {path}: format version {document['format_version']}; this release reads {FORMAT_VERSION};"
            " remove it to start afresh"
        )
    theirs = document["identity"]
    different = [
        name if name != "settings" else ", ".join(k for k in mine[name] if mine[name][k] != theirs[name].get(k))
        for name in mine
        if mine[name] != theirs[name]
    ]
    if different:
        raise UsageError(
            f"checkpoint {path}: of another training: {', '.join(different)} differ;"
            " ask for the same again, or remove it"
        )
