"""Multi-task training of the shared encoder (paper, section 3.3.2): tasks in, encoder directory with heads out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from encore.encoders import Encoder, load_encoder
from encore.encoders.text import BlockTokenizer
from encore.encoders.training import (
    JointTraining,
    StepReport,
    TaskTokens,
    TrainingSettings,
    new_folder,
    predict_classes,
    require_free,
    resume,
    save_checkpoint,
    seeded,
    write_encoder,
)
from encore.experiments.bench import TaskData, TaskPart, TaskRegistry, read_task
from encore.experiments.training.artefacts import joint_head, provenance_of
from encore.experiments.training.display import SilentTraining, TrainingDisplay
from encore.featurestore import UsageError
from encore.featurestore.common import settle_fields
from encore.featurestore.spec import EncoderSpec
from encore.heads import Evaluation, TrainSettings
from encore.heads.model import Classifier

CHECKPOINT_STEPS = 100
"""Steps between two checkpoints. One takes three times the bytes of the weights, which a disk writes in a second or a
few."""

TASK_PARTS = ("train", "dev")


@dataclass(frozen=True)
class MultitaskRequest:
    """The input of `train_multitask`.

    Attributes:
        tasks: all that are trained on, at least one.
        out: the encoder directory to make; nothing may be there.
        encoder: where to start from.
        train_rows, dev_rows: documents of each task at most; None takes all.
        settings: hyper-parameters.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        checkpoint_steps: steps between two checkpoints.

    Raises:
        UsageError: a number of checkpoint steps below 1.
    """

    tasks: TaskRegistry
    out: Path
    encoder: str = "minilm"
    train_rows: int | None = None
    dev_rows: int | None = None
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    device: str = "auto"
    checkpoint_steps: int = CHECKPOINT_STEPS

    def __post_init__(self) -> None:
        settle_fields(self)
        if self.checkpoint_steps < 1:
            raise UsageError(f"checkpoint steps {self.checkpoint_steps}: expected at least 1")

    @property
    def checkpoint(self) -> Path:
        """File, beside ``out``, that an interrupted training resumes from."""
        return self.out.with_name(f"{self.out.name}.checkpoint.safetensors")


@dataclass(frozen=True, eq=False)
class MultitaskResult:
    """What joint training gives.

    Attributes:
        out: the encoder directory.
        encoder: identity of the trained encoder.
        evaluations: task → evaluation of its head on the dev documents.
        provenance: what ``provenance.json`` says.
        resumed_after: steps that an earlier run had taken.
    """

    out: Path
    encoder: EncoderSpec
    evaluations: Mapping[str, Evaluation]
    provenance: Mapping[str, Any]
    resumed_after: int


def train_multitask(request: MultitaskRequest, display: TrainingDisplay | None = None) -> MultitaskResult:
    """Train the encoder and a head for each task jointly; the same call resumes what was interrupted.

    The heads read the last layer: its first position (paper, table 3 e), or the mean of all positions if that is asked
    for or the first position does not sum up the text. They are saved under ``heads/<task>``. Dev documents choose
    nothing: the weights of the last step are saved.

    Raises:
        UsageError: something is at ``out`` already, a checkpoint of another training is beside it, or the encoder
            cannot read the tasks.
        DataError: a task's documents cannot be used.
        JobError: the training diverged.
    """
    request = replace(request, out=request.out.expanduser().absolute())
    require_free(request.out)
    data = {task.name: read_task(task, request.train_rows, request.dev_rows) for task in request.tasks.tasks}
    encoder = load_encoder(request.encoder, device=request.device, trainable=True)
    # Before the first task is tokenized, which takes minutes where tasks are large.
    settings = request.settings.for_encoder(encoder.spec)
    text = encoder.text_spec(settings.max_length)
    if any(task.pair_column is not None for task in request.tasks.tasks):
        BlockTokenizer.build(encoder.tokenizer, text).check_pairs()
    train, dev = (
        {name: _examples(encoder, found, part, text.max_length) for name, found in data.items()} for part in TASK_PARTS
    )
    heads = {name: fresh_head(encoder, found, settings.seed) for name, found in data.items()}
    training = JointTraining(encoder, heads, list(train.values()), settings)
    resume(training, request.checkpoint)
    resumed_after = training.done
    shown = display or SilentTraining()
    shown.begin("multitask", training.done, settings.steps, list(heads))
    try:
        _run(training, request, shown)
        evaluations = {name: _measure(training, data[name], dev[name], shown) for name in heads}
    finally:
        shown.end()
    provenance = provenance_of(training, data, text.max_length, evaluations)
    with new_folder(request.out) as folder:
        write_encoder(encoder, folder, provenance)
        # Load it like any encoder before it gets its name, so that no unloadable encoder is left.
        loaded = load_encoder(str(folder), device="cpu").spec
        spec = replace(loaded, name=request.out.name, source=str(request.out))
        for name in heads:
            head = joint_head(training, spec, data[name], text, evaluations[name], provenance)
            head.save(folder / "heads" / name)
    request.checkpoint.unlink(missing_ok=True)
    return MultitaskResult(request.out, spec, evaluations, provenance, resumed_after)


def fresh_head(encoder: Encoder, data: TaskData, seed: int) -> Classifier:
    """The paper's classifier for one task; its initial weights follow from the seed and the task's name."""
    with seeded(encoder.device, seed, "head", data.task.name):
        return Classifier(encoder.spec.hidden_size, len(data.classes), TrainSettings.dropout)


def _examples(encoder: Encoder, data: TaskData, part: str, max_length: int) -> TaskTokens:
    documents: TaskPart = getattr(data, part)
    return TaskTokens.tokenize(encoder, data.task.name, documents.documents, documents.codes(data.classes), max_length)


def _run(training: JointTraining, request: MultitaskRequest, display: TrainingDisplay) -> None:
    def on_step(step: StepReport) -> None:
        if step.number % request.checkpoint_steps == 0 or step.number == step.steps:
            save_checkpoint(training, request.checkpoint)
        display.show(step)

    training.run(on_step=on_step)


def _measure(training: JointTraining, data: TaskData, dev: TaskTokens, display: TrainingDisplay) -> Evaluation:
    """A jointly trained head on its dev documents, in the precision of the training."""
    display.measure(data.task.name)
    head = training.heads[data.task.name]
    predicted = predict_classes(training.encoder, head, dev.tokens, training.position, precision=training.precision)
    return Evaluation.of(dev.codes, predicted, data.classes)
