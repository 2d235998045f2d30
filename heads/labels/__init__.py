"""Labels of documents, one class for each id: reading them from tables, their normal form, training and dev split."""

from encore.heads.labels.files import read_columns, read_labels
from encore.heads.labels.normal_form import in_order, named_twins, near_twins, normal_labels
from encore.heads.labels.split import Split
from encore.heads.labels.table import Labels, blanks_around, label_column_of, named, named_classes, written_otherwise
from encore.heads.labels.training_ids import TrainingIds

__all__ = [
    "Labels",
    "Split",
    "TrainingIds",
    "blanks_around",
    "in_order",
    "label_column_of",
    "named",
    "named_classes",
    "named_twins",
    "near_twins",
    "normal_labels",
    "read_columns",
    "read_labels",
    "written_otherwise",
]
