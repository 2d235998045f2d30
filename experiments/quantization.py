"""Accuracy by quantizer on a frozen encoder, after layer pooling and before it (paper, sections 5 and 6.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.frozen import PLAIN
from experiments.frozen_task import FrozenTask, Say
from experiments.outcome import Outcome
from experiments.request import Experiment, ExperimentRequest
from experiments.settings import FLOAT, FeatureSetting, layer_average, quantized, quantized_before
from featurestore import UsageError, parse_quantizer
from pipelines.progress import ProgressDisplay

NAME = "quantization"
PLACEMENTS = ("after", "before")
QUANTIZERS = (FLOAT, "uint8:per-tensor", "uint8:per-dimension", "sign")


@dataclass(frozen=True)
class QuantizationGrid:
    """What to compare, beside float16 with one query.

    Attributes:
        quantizers: requests of quantizers.
        placements: ``after`` and ``before`` layer pooling.
        queries: learned queries of the heads, for features quantized after layer pooling.

    Raises:
        UsageError: an unknown quantizer or placement, or no queries.
    """

    quantizers: tuple[str, ...] = QUANTIZERS
    placements: tuple[str, ...] = PLACEMENTS
    queries: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        for text in self.quantizers:
            parse_quantizer(text)
        unknown = [placement for placement in self.placements if placement not in PLACEMENTS]
        if unknown or not self.placements:
            raise UsageError(f"placement {', '.join(unknown) or 'none'}: expected {' or '.join(PLACEMENTS)}")
        if not self.queries or min(self.queries) < 1:
            raise UsageError(f"queries {', '.join(map(str, self.queries)) or 'none'}: expected at least 1")

    def settings(self, mean_layers: int) -> tuple[FeatureSetting, ...]:
        """The settings of the grid, the one that all others are compared with first."""
        average = layer_average(mean_layers)
        chosen: Sequence[FeatureSetting] = [
            average,
            *(
                quantized(average, quantizer, queries)
                for quantizer in self.quantizers
                for queries in self.queries
                if "after" in self.placements
            ),
            *(
                quantized_before(average, quantizer)
                for quantizer in self.quantizers
                if "before" in self.placements and quantizer != FLOAT
            ),
        ]
        return tuple({setting.name: setting for setting in chosen}.values())


def run_quantization(request: ExperimentRequest, grid: QuantizationGrid, say: Say, display: ProgressDisplay) -> Outcome:
    """Measure every task under every quantizer; finished cells are not measured again.

    Raises:
        UsageError, DataError: the tasks or the encoder cannot be used; raised before any long work.
        JobError: an encoding did not finish.
    """
    experiment = Experiment.start(request)
    settings = grid.settings(experiment.mean_layers)
    cells = experiment.cells(NAME)
    for data in experiment.data.values():
        FrozenTask(experiment, data, request.encoder, PLAIN, say, display).measure(cells, settings)
    return Outcome.of(NAME, experiment, [cells], settings, paired=settings[0].name)
