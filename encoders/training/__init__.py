"""Training an encoder: jointly over many tasks, or end to end for one."""

from encoders.training.checkpoint import resume, save_checkpoint
from encoders.training.examples import TaskExamples
from encoders.training.folder import new_folder, require_free, write_encoder
from encoders.training.forward import predict
from encoders.training.joint import JointTraining, StepDone
from encoders.training.seeds import seeded
from encoders.training.settings import TrainingSettings, settle_position
from encoders.training.task_weights import task_weights

__all__ = [
    "JointTraining",
    "StepDone",
    "TaskExamples",
    "TrainingSettings",
    "new_folder",
    "predict",
    "require_free",
    "resume",
    "save_checkpoint",
    "seeded",
    "settle_position",
    "task_weights",
    "write_encoder",
]
