"""Accuracy by quantizer on a frozen encoder, after layer pooling and before it (paper, sections 5 and 6.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from encore.experiments.bench import FLOAT, FeatureSetting, Say, layer_average, quantized, quantized_before, recommended
from encore.experiments.paper.frozen_encoder import PLAIN
from encore.experiments.paper.outcome import Outcome
from encore.experiments.paper.request import Experiment, ExperimentRequest
from encore.experiments.paper.task_features import FrozenTask
from encore.featurestore import UsageError, parse_quantizer
from encore.featurestore.common import settle_fields
from encore.pipelines.progress import ProgressDisplay

NAME = "quantization"
PLACEMENTS = ("after", "before")
RECOMMENDED = "recommended"
QUANTIZERS = (FLOAT, "uint8:per-tensor", "uint8:per-dimension", "sign")


@dataclass(frozen=True)
class QuantizationGrid:
    """What to compare, beside float16 with one query.

    Attributes:
        entries: requests of quantizers. The paper's head reads each. A suffix chooses another head: ``/Nq`` (as in
            ``sign/4q``) one with N learned queries, ``/recommended`` the one that `encore train` recommends.
        placements: ``after`` and ``before`` layer pooling.

    Raises:
        UsageError: an unknown quantizer or placement, or queries that are no number.
    """

    entries: tuple[str, ...] = QUANTIZERS
    placements: tuple[str, ...] = PLACEMENTS

    def __post_init__(self) -> None:
        settle_fields(self)
        for entry in self.entries:
            parse_entry(entry)
        unknown = [placement for placement in self.placements if placement not in PLACEMENTS]
        if unknown or not self.placements:
            raise UsageError(f"placement {', '.join(unknown) or 'none'}: expected {' or '.join(PLACEMENTS)}")

    def settings(self, mean_layers: int) -> tuple[FeatureSetting, ...]:
        """The settings of the grid. All others are compared with the first one."""
        average = layer_average(mean_layers)
        chosen = [average]
        for quantizer, queries, best in map(parse_entry, self.entries):
            read = recommended(average) if best else average
            if "after" in self.placements:
                chosen.append(quantized(read, quantizer, queries))
            if "before" in self.placements and quantizer != FLOAT:
                chosen.append(quantized_before(read, quantizer, queries))
        return tuple({setting.name: setting for setting in chosen}.values())


def parse_entry(entry: str) -> tuple[str, int, bool]:
    """Quantizer, number of queries, and whether the recommended head reads it.

    Raises:
        UsageError: anything else than ``sign``, ``sign/4q`` or ``sign/recommended``.
    """
    quantizer, _, head = entry.partition("/")
    parse_quantizer(quantizer)
    match = re.fullmatch(rf"([1-9]\d{{0,2}})q|{RECOMMENDED}|", head)
    if match is None:
        raise UsageError(
            f"quantizers: {entry!r}: expected a quantizer, or one with a head such as {quantizer}/4q or "
            f"{quantizer}/{RECOMMENDED}"
        )
    return quantizer, int(match[1] or 1), head == RECOMMENDED


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
        FrozenTask(experiment, cells, data, request.encoder, PLAIN, say, display).measure(settings)
    return Outcome.of(NAME, experiment, [cells], settings, paired=settings[0].name)
