"""The paper's tables 3 and 5, one file an experiment."""

from encore.experiments.paper.all_tasks import run_all_tasks
from encore.experiments.paper.fine_tuning import FinetunePlan, run_finetune
from encore.experiments.paper.frozen_encoder import run_frozen
from encore.experiments.paper.leave_out import LeaveOutPlan, run_group_out, run_loo
from encore.experiments.paper.outcome import Difference, Outcome
from encore.experiments.paper.quantization import QuantizationGrid, run_quantization
from encore.experiments.paper.request import ExperimentRequest
from encore.experiments.paper.tables import MISSING, ResultRow, markdown

__all__ = [
    "MISSING",
    "Difference",
    "ExperimentRequest",
    "FinetunePlan",
    "LeaveOutPlan",
    "Outcome",
    "QuantizationGrid",
    "ResultRow",
    "markdown",
    "run_all_tasks",
    "run_finetune",
    "run_frozen",
    "run_group_out",
    "run_loo",
    "run_quantization",
]
