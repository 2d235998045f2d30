"""A folder of predictions: Parquet files by head and segment, listed by manifests of the store's own mechanism.

PREDICTIONS/
  predictions.json                     which store is scored, and what the files hold; written once
  manifests/  lists/                   versions of the table (head, segment) → file
  heads/<task>@<digest>/               the heads, as they were when they scored
  head=<task>@<digest>/<segment>-<deletions>-<random>.parquet
  runs/<run id>/                       outcomes and report of each backfill
"""

from encore.pipelines.predictions.contents import prediction_table
from encore.pipelines.predictions.files import PredictionFile, new_path
from encore.pipelines.predictions.folder import Predictions
from encore.pipelines.predictions.publication import Work

__all__ = ["PredictionFile", "Predictions", "Work", "new_path", "prediction_table"]
