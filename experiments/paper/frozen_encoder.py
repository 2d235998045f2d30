"""Table 3 (b): heads on the frozen plain encoder, by five poolings (paper, section 6.2.1)."""

from __future__ import annotations

from encore.experiments.bench import FeatureSetting, Say, pooling_settings
from encore.experiments.paper.outcome import Outcome
from encore.experiments.paper.request import Experiment, ExperimentRequest
from encore.experiments.paper.task_features import FrozenTask
from encore.pipelines.progress import ProgressDisplay

NAME = "frozen"
PLAIN = "plain"
"""Label of the encoder as it is, without multi-task training."""


def run_frozen(request: ExperimentRequest, say: Say, display: ProgressDisplay) -> Outcome:
    """Measure every task by every pooling; finished cells are not measured again.

    Raises:
        UsageError, DataError: the tasks or the encoder cannot be used; raised before any long work.
        JobError: an encoding did not finish.
    """
    experiment = Experiment.start(request)
    settings = poolings_of(experiment, say)
    cells = experiment.cells(NAME)
    for data in experiment.data.values():
        FrozenTask(experiment, cells, data, request.encoder, PLAIN, say, display).measure(settings)
    return Outcome.of(NAME, experiment, [cells], settings)


def poolings_of(experiment: Experiment, say: Say) -> tuple[FeatureSetting, ...]:
    """The paper's poolings that the encoder allows. A message names those that are left out."""
    problem = experiment.encoder.no_summary
    if problem is not None:
        say(f"LAST-LAYER / CLS is left out: {problem}")
    return pooling_settings(experiment.mean_layers, experiment.encoder.num_layers, cls=problem is None)
