"""A folder of predictions: Parquet files by head and segment, listed by manifests of the store's own mechanism.

PREDICTIONS/
  predictions.json                     which store is scored, and what the files hold; written once
  manifests/  lists/                   versions of the table (head, segment) → file
  heads/<task>@<digest>/               the heads, as they were when they scored
  head=<task>@<digest>/<segment>-<deletions>.parquet
  runs/<run id>/                       outcomes and report of each backfill
"""

from pipelines.predictions.contents import prediction_table
from pipelines.predictions.files import PredictionFile, prediction_path
from pipelines.predictions.folder import Predictions

__all__ = ["PredictionFile", "Predictions", "prediction_path", "prediction_table"]
