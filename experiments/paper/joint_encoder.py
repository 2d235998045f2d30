"""Encoders that experiments train jointly. Each is trained once and kept in the experiments' folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from encore.encoders.training import TrainingSettings
from encore.experiments.bench import Say
from encore.experiments.paper.request import Experiment
from encore.experiments.training import MultitaskRequest, TrainingDisplay, train_multitask
from encore.featurestore import UsageError
from encore.featurestore.common import counted


def joint_encoder(
    experiment: Experiment,
    label: str,
    tasks: Sequence[str],
    settings: TrainingSettings,
    say: Say,
    display: TrainingDisplay,
) -> Path:
    """The encoder trained jointly on these tasks: the existing one, or a new one.

    Args:
        experiment: sizes and places.
        label: name of its folder under ``OUT/encoders``.
        tasks: names of the tasks.
        settings: settings of the training. Their max length is replaced by the experiment's.
        say: called with messages.
        display: shows the progress of the training.

    Raises:
        UsageError: the folder holds another encoder.
    """
    request = experiment.request
    folder = request.out / "encoders" / label
    settings = replace(settings, max_length=experiment.max_length)
    if folder.exists():
        _require_same(folder, experiment, tasks, settings)
        return folder
    say(f"training the encoder {label} jointly on {counted(len(tasks), 'task')}, {counted(settings.steps, 'step')}")
    result = train_multitask(
        MultitaskRequest(
            tasks=request.tasks.only(tasks),
            out=folder,
            encoder=request.encoder,
            train_rows=request.train_rows,
            dev_rows=request.dev_rows,
            settings=settings,
            device=request.device,
        ),
        display,
    )
    accuracies = ", ".join(f"{name} {found.accuracy:.3f}" for name, found in result.evaluations.items())
    say(f"{label}: trained in {result.provenance['seconds']:.0f} s; dev accuracy {accuracies}")
    return folder


def settings_document(settings: TrainingSettings) -> dict[str, Any]:
    """The settings of a training on which the cells of its encoder depend."""
    return {name: value for name, value in asdict(settings).items() if name != "max_length"}


def _require_same(folder: Path, experiment: Experiment, tasks: Sequence[str], settings: TrainingSettings) -> None:
    try:
        there = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        found = {
            "source": there["source"]["weights"],
            "tasks": {name: task["data"] for name, task in there["tasks"].items()},
            "settings": {name: there["settings"][name] for name in settings_document(settings)},
        }
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{folder}: is there, and is no encoder that an experiment trained; remove it") from error
    wanted = {
        "source": experiment.encoder.weights,
        "tasks": {name: experiment.data[name].digest for name in tasks},
        "settings": settings_document(settings) | {"precision": found["settings"]["precision"]},
    }
    different = [name for name in wanted if wanted[name] != found[name]]
    if different:
        raise UsageError(
            f"{folder}: holds an encoder of another training ({', '.join(different)} differ); name another --out, or "
            "remove it"
        )
