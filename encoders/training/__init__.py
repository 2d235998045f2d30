"""Training an encoder: jointly over many tasks, or end to end for one."""

from encore.encoders.training.checkpoint import resume, save_checkpoint
from encore.encoders.training.examples import TaskTokens
from encore.encoders.training.folder import new_folder, require_free, write_encoder
from encore.encoders.training.forward import predict_classes
from encore.encoders.training.joint import JointTraining, StepReport
from encore.encoders.training.seeds import seeded
from encore.encoders.training.settings import TrainingSettings, settle_position
from encore.encoders.training.task_weights import task_weights

__all__ = [
    "JointTraining",
    "StepReport",
    "TaskTokens",
    "TrainingSettings",
    "new_folder",
    "predict_classes",
    "require_free",
    "resume",
    "save_checkpoint",
    "seeded",
    "settle_position",
    "task_weights",
    "write_encoder",
]
