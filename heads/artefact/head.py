"""A trained head as an artefact: ``head.json`` and ``weights.safetensors``, checked when loaded."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import safetensors.torch
import torch

from encore.featurestore.common import lazy
from encore.featurestore.errors import EncoreError, StoreError, UsageError
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.summary import Summary, SummaryMixin
from encore.heads.artefact.document import FORMAT_VERSION, damaged, read_document, read_weights
from encore.heads.artefact.folder import HEAD_FILE, WEIGHTS_FILE, read_folder, replace_folder
from encore.heads.labels import TrainingIds
from encore.heads.metrics import Evaluation
from encore.heads.model import HeadModel, kind_of
from encore.tablefiles.names import shown_name

TASK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
CLASSES_NAMED = 10
"""Most classes that a head says the names of."""


@dataclass(frozen=True, eq=False, repr=False)
class Head(SummaryMixin):
    """A trained head, with all that is needed to use it and to trace where it came from.

    Attributes:
        task: name of the task; it becomes part of folder names.
        classes: names of the classes, in the order of the logits.
        spec: the features that the head takes.
        model: the module, in evaluation mode.
        snapshot: number of the store's snapshot that it was trained from; None where it was not trained from a store.
        training: what it was trained on and how: settings, documents, best epoch, history.
        evaluation: results on its dev documents; None where there were none.
        versions: package → version that trained it.
        created_at: UTC, ISO 8601.
        trained_on: its training documents, as salted hashes of their ids; None where they are not known.

    Raises:
        UsageError: the task name cannot be the name of a folder.
    """

    task: str
    classes: tuple[str, ...]
    spec: FeatureSpec
    model: HeadModel
    snapshot: int | None
    training: Mapping[str, Any]
    evaluation: Evaluation | None
    versions: Mapping[str, str]
    created_at: str
    trained_on: TrainingIds | None = None

    def __post_init__(self) -> None:
        check_task(self.task)

    def _summary(self) -> Summary:
        classes = f"{len(self.classes):,} classes"
        measured = "not measured" if self.evaluation is None else f"accuracy {self.evaluation.accuracy:.4f} on dev"
        named = ", ".join(shown_name(name) for name in self.classes[:CLASSES_NAMED])
        more = ", …" if len(self.classes) > CLASSES_NAMED else ""
        rows: list[tuple[str, object]] = [
            ("classes", f"{len(self.classes):,}: {named}{more}"),
            ("features", self.spec),
            ("pooling", kind_of(self.model.pooling)),
            ("snapshot", "none" if self.snapshot is None else self.snapshot),
            ("trained on", f"{self.training.get('documents', 'unknown')} documents"),
        ]
        if self.evaluation is not None:
            low, high = self.evaluation.accuracy_interval
            documents = f"{self.evaluation.documents:,} documents"
            rows.append(("accuracy", f"{self.evaluation.accuracy:.4f} ({low:.4f} to {high:.4f}) on {documents} of dev"))
        return Summary("Head", self.task, (classes, measured, f"{self.spec}"), rows)

    @lazy
    def digest(self) -> str:
        """sha256 (hex) of all that changes a prediction: classes, features, shape, weights; not the task's name."""
        return _digest(self.classes, self.spec.fingerprint, _design(self.model), self.model.state_dict())

    def require(self, spec: FeatureSpec, left: str = "head", right: str = "store") -> None:
        """Raise SpecMismatch unless the head takes features of ``spec``.

        Args:
            spec: spec of the features at hand.
            left: what to call the head in the message.
            right: what to call the other side.
        """
        self.spec.require_same(spec, left, right)

    def to_files(self) -> dict[str, bytes]:
        """File name → content: what `save` writes and `from_files` reads."""
        document = {
            "format_version": FORMAT_VERSION,
            "task": self.task,
            "classes": list(self.classes),
            "design": _design(self.model),
            "digest": self.digest,
            "fingerprint": self.spec.fingerprint,
            "snapshot": self.snapshot,
            "created_at": self.created_at,
            "evaluation": None if self.evaluation is None else self.evaluation.to_dict(),
            "training": dict(self.training),
            "versions": dict(self.versions),
            "spec": self.spec.to_dict(),
        }
        if self.trained_on is not None:
            document["trained_on"] = self.trained_on.to_text()
        weights = {name: tensor.contiguous() for name, tensor in self.model.state_dict().items()}
        text = json.dumps(document, indent=1, allow_nan=False)
        return {HEAD_FILE: f"{text}\n".encode(), WEIGHTS_FILE: safetensors.torch.save(weights)}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], name: str) -> Head:
        """A head from the content of its files.

        Args:
            files: file name → content.
            name: name of the folder, for messages.

        Raises:
            StoreError: a file is missing or damaged, the files do not fit each other, or the head could not score.
        """
        for file in (HEAD_FILE, WEIGHTS_FILE):
            if file not in files:
                raise StoreError(f"{name}/{file}: missing; train the head again")
        document = read_document(files[HEAD_FILE], f"{name}/{HEAD_FILE}")
        try:
            head = cls(
                task=document["task"],
                classes=tuple(document["classes"]),
                spec=FeatureSpec.from_dict(document["spec"]),
                model=_read_model(document, files[WEIGHTS_FILE], f"{name}/{WEIGHTS_FILE}"),
                snapshot=document["snapshot"],
                training=document["training"],
                evaluation=None if document["evaluation"] is None else Evaluation.from_dict(document["evaluation"]),
                versions=document["versions"],
                created_at=document["created_at"],
                trained_on=TrainingIds.from_document(document),
            )
            if head.evaluation is not None:
                head.evaluation.to_dict()
            digest = head.digest
        except StoreError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, EncoreError) as error:
            raise damaged(f"{name}/{HEAD_FILE}", error) from error
        if digest != document.get("digest"):
            raise StoreError(f"{name}: damaged: {HEAD_FILE} and {WEIGHTS_FILE} are not those that were saved together")
        return head

    def save(self, directory: str | PathLike[str]) -> None:
        """Write the head to a directory in one step; replace the head that is there already.

        Raises:
            UsageError: the directory holds something that is not a head.
        """
        replace_folder(directory, self.to_files())

    @classmethod
    def load(cls, directory: str | PathLike[str]) -> Head:
        """Read the head in a directory.

        Raises:
            UsageError: no such directory, or it does not hold a head.
            StoreError: a file is missing or damaged.
        """
        name, files = read_folder(directory)
        return cls.from_files(files, name)


def check_task(task: str) -> None:
    """Raise UsageError unless a task may bear this name: it becomes part of folder names."""
    if not isinstance(task, str) or TASK_NAME.fullmatch(task) is None:
        raise UsageError(
            f"task {task!r}: expected letters, digits, '.', '_' and '-', beginning with a letter or digit, 100 at most"
        )


def _design(model: HeadModel) -> dict[str, Any]:
    """The shape of a head beyond what its spec and classes say."""
    mix = None if model.mix is None else model.mix.kind
    design = {"pooling": kind_of(model.pooling), "attention_heads": None, "layer_mix": mix, **model.pooling.design()}
    # A default is not written. So heads keep the digest that they had before the option existed.
    return design if model.standard is None else {**design, "standardised": True}


def _digest(
    classes: tuple[str, ...], fingerprint: str, design: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
) -> str:
    identity = {
        "format_version": FORMAT_VERSION,
        "classes": classes,
        "fingerprint": fingerprint,
        "design": design,
        "weights": {name: [str(tensor.dtype), list(tensor.shape)] for name, tensor in weights.items()},
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(weights):
        digest.update(weights[name].contiguous().numpy().data)
    return digest.hexdigest()


def _read_model(document: Mapping[str, Any], data: bytes, name: str) -> HeadModel:
    """The module that ``head.json`` describes, with the weights of ``weights.safetensors``."""
    spec, classes = FeatureSpec.from_dict(document["spec"]), len(document["classes"])
    weights = read_weights(data, name, classes, spec.width)
    # On the meta device: initial weights would be drawn in vain, and from torch's global generator.
    with torch.device("meta"):
        model = HeadModel.build(spec, classes, **document["design"])
    try:
        model.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise damaged(name, error) from error
    return model.eval()
