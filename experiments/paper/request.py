"""The input that all experiments share, and where their files go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encore.encoders import FeatureExtractor, load_encoder
from encore.experiments.bench import CellStore, TaskData, TaskRegistry, read_task
from encore.featurestore import EncoderSpec, FeatureSpec, UsageError
from encore.featurestore.common import settle_fields
from encore.featurestore.layers import LayerPooling
from encore.heads import TrainSettings


@dataclass(frozen=True)
class ExperimentRequest:
    """Sizes and places of an experiment.

    Attributes:
        tasks: the registry. All its tasks take part in joint training.
        out: folder of everything that is made; experiments may share it.
        only: names of the tasks to measure; none means all.
        encoder: the plain encoder.
        train_rows, dev_rows: documents of each task at most; None takes all.
        max_length: tokens of a document; None takes the encoder's own limit.
        seeds: heads trained for each cell, with seeds 0, 1, ….
        epochs: passes over the training documents; None takes the default of `encore train`.
        mean_layers: m of LAYER-AVG; None takes the mean of the last 16 layers, or of all where there are fewer.
        device, dtype: where and in what the frozen encoder runs.

    Raises:
        UsageError: a number out of range, or an unknown task.
    """

    tasks: TaskRegistry
    out: Path
    only: tuple[str, ...] = ()
    encoder: str = "minilm"
    train_rows: int | None = None
    dev_rows: int | None = None
    max_length: int | None = None
    seeds: int = 3
    epochs: int | None = None
    mean_layers: int | None = None
    device: str = "auto"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        settle_fields(self)
        for name in ("train_rows", "dev_rows", "max_length", "seeds", "epochs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name.replace('_', ' ')} {value}: expected at least 1")
        self.tasks.only(self.only)

    @property
    def measured(self) -> TaskRegistry:
        """The tasks to measure."""
        return self.tasks.only(self.only)


@dataclass(frozen=True, eq=False)
class Experiment:
    """A request with its data and the identity of its encoder. All checks that need no long work are done.

    Attributes:
        request: what was asked for.
        data: task → its documents, for every task of the registry.
        encoder: the plain encoder.
        max_length: tokens of a document.
    """

    request: ExperimentRequest
    data: dict[str, TaskData]
    encoder: EncoderSpec
    max_length: int

    @classmethod
    def start(cls, request: ExperimentRequest, *, every_task: bool = False) -> Experiment:
        """Read and check.

        Args:
            request: what was asked for.
            every_task: whether tasks that are not measured are needed too, to train on.

        Raises:
            UsageError, DataError: the tasks, the encoder or the device cannot be used.
        """
        registry = request.tasks if every_task else request.measured
        data = {task.name: read_task(task, request.train_rows, request.dev_rows) for task in registry.tasks}
        # Load on the device and in the dtype of the request, so that a missing device is an error before any work.
        encoder = load_encoder(request.encoder, device=request.device, dtype=request.dtype)
        text = encoder.text_spec(request.max_length)
        LayerPooling("mean", 1 if request.mean_layers is None else request.mean_layers).check(encoder.spec.num_layers)
        spec = FeatureSpec.build(encoder.spec, text, None, "tokens", "float16")
        extractor = FeatureExtractor(encoder, spec)
        if any(task.pair_column is not None for task in registry.tasks):
            extractor.check_pairs()
        return cls(request, data, encoder.spec, text.max_length)

    @property
    def mean_layers(self) -> int:
        """How many layers LAYER-AVG takes: m."""
        asked = self.request.mean_layers
        return LayerPooling.default(self.encoder.num_layers).count if asked is None else asked

    def cells(self, experiment: str, **settings: Any) -> CellStore:
        """The finished cells of one experiment; ``settings`` are those of its own."""
        request = self.request
        common = {
            "encoder": self.encoder.weights,
            "tokenizer": self.encoder.tokenizer,
            "train_rows": request.train_rows,
            "dev_rows": request.dev_rows,
            "max_length": self.max_length,
            "epochs": request.epochs,
            "mean_layers": self.mean_layers,
            "dtype": request.dtype,
            # Heads that were trained in another way give other cells.
            "standardise": TrainSettings.standardise,
        }
        return CellStore(request.out / "cells" / experiment, {**common, **settings})
