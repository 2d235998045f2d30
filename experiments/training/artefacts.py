"""What a joint training saves beside the weights: the encoder's provenance, and its heads as artefacts."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from encore.encoders.training import JointTraining
from encore.experiments.bench import TaskData
from encore.featurestore import FeatureSpec, TextSpec
from encore.featurestore.spec import EncoderSpec
from encore.heads import Evaluation, Head
from encore.heads.labels import TrainingIds
from encore.heads.model import POOLINGS, Classifier, HeadModel

PACKAGES = ("encore-featurestore", "numpy", "pyarrow", "safetensors", "tokenizers", "torch", "transformers")


def provenance_of(
    training: JointTraining,
    data: Mapping[str, TaskData],
    max_length: int,
    evaluations: Mapping[str, Evaluation],
) -> dict[str, Any]:
    """What ``provenance.json`` says of a training.

    Args:
        training: as it ended.
        data: task → its documents.
        max_length: tokens of a document.
        evaluations: task → evaluation of its head on the dev documents.
    """
    source = training.encoder.spec
    return {
        "format_version": 1,
        "made_by": "encore multitask",
        "source": {
            "name": source.name,
            "source": source.source,
            "revision": source.revision,
            "weights": source.weights,
            "tokenizer": source.tokenizer,
        },
        "tasks": {
            name: {
                "group": found.task.group,
                "classes": len(found.classes),
                "train_documents": len(found.train),
                "dev_documents": len(found.dev),
                "weight": training.weights[name],
                "data": found.digest,
                "dev_accuracy": evaluations[name].accuracy,
            }
            for name, found in data.items()
        },
        "settings": {
            **training.settings.to_dict(),
            "max_length": max_length,
            "precision": training.precision,
            "device": training.encoder.device.type,
        },
        "losses": training.history.to_dict(),
        "seconds": round(training.seconds, 3),
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def joint_head(
    training: JointTraining,
    encoder: EncoderSpec,
    data: TaskData,
    text: TextSpec,
    evaluation: Evaluation,
    provenance: Mapping[str, Any],
) -> Head:
    """A jointly trained head as one that `predict` and `backfill` take.

    Args:
        training: as it ended.
        encoder: identity of the encoder that was trained, as it will be found.
        data: the head's task.
        text: how its texts became tokens.
        evaluation: on the dev documents.
        provenance: what `provenance_of` gave.
    """
    classifier = training.heads[data.task.name]
    if not isinstance(classifier, Classifier):
        raise TypeError(f"{type(classifier).__name__} is no classifier of a head")
    pooling = POOLINGS[training.position](encoder.hidden_size)
    head = Head(
        task=data.task.name,
        classes=data.classes,
        spec=FeatureSpec.build(encoder, text, "last", training.position, "float16"),
        model=HeadModel(None, pooling, classifier.cpu()).eval(),
        snapshot=None,
        training={
            "settings": training.settings.to_dict(),
            "documents": len(data.train),
            "jointly_with": [task for task in training.heads if task != data.task.name],
            "seconds": provenance["seconds"],
        },
        evaluation=evaluation,
        versions=provenance["versions"],
        created_at=provenance["created_at"],
    )
    return replace(head, trained_on=TrainingIds.of(data.train.given_ids, head.digest))
