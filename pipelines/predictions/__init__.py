"""A folder of predictions: Parquet files by head and segment, listed by manifests of the store's own mechanism.

PREDICTIONS/
  predictions.json                     which store is scored, and what the files hold; written once
  manifests/  lists/                   versions of the table (head, segment) → file
  heads/<task>@<digest>/               the heads, as they were when they scored
  head=<task>@<digest>/<segment>-<deletions>-<random>.parquet
  runs/<run id>/                       outcomes and report of each backfill
"""

from encore.pipelines.predictions.backlog import plan_segments
from encore.pipelines.predictions.contents import (
    PREDICTION_COLUMNS,
    PROBABILITIES,
    DamagedFile,
    from_parquet,
    prediction_table,
)
from encore.pipelines.predictions.files import (
    FILE_SCHEMA,
    PREDICTION_FILE,
    PredictionFile,
    counts_of,
    file_table,
    head_name,
    new_path,
)
from encore.pipelines.predictions.folder import (
    ANEW,
    PREDICTIONS_FILE,
    PUBLISH_ATTEMPTS,
    SCORE_AGAIN,
    PredictionsFolder,
    read_folder_document,
)
from encore.pipelines.predictions.probabilities import MAP, as_map, with_classes, with_classes_type
from encore.pipelines.predictions.publication import JobWork
from encore.pipelines.predictions.segment_units import SegmentOutcome, SegmentUnit, SegmentWork
from encore.pipelines.predictions.sources import Sources, carry_over, compose, source_files

__all__ = [
    "ANEW",
    "FILE_SCHEMA",
    "MAP",
    "PREDICTIONS_FILE",
    "PREDICTION_COLUMNS",
    "PREDICTION_FILE",
    "PROBABILITIES",
    "PUBLISH_ATTEMPTS",
    "SCORE_AGAIN",
    "DamagedFile",
    "JobWork",
    "PredictionFile",
    "PredictionsFolder",
    "SegmentOutcome",
    "SegmentUnit",
    "SegmentWork",
    "Sources",
    "as_map",
    "carry_over",
    "compose",
    "counts_of",
    "file_table",
    "from_parquet",
    "head_name",
    "new_path",
    "plan_segments",
    "prediction_table",
    "read_folder_document",
    "source_files",
    "with_classes",
    "with_classes_type",
]
