"""The whole loop as somebody writes it into a notebook, a cell after each mark; its files are those of its folder."""

# %%
import apache_beam

from encore.featurestore import Store
from encore.heads import evaluate_predictions, read_labels
from encore.heads.training.store import TrainRequest, train_from_store
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.encoding.job import EncodeRequest, encode
from encore.pipelines.ingestion.derivation import DeriveRequest, derive
from encore.pipelines.predict_job import PredictRequest, predict
from encore.pipelines.predictions import Predictions

hook = apache_beam.pipeline.alter_label_if_ipython

# %% Of several units, so that several threads work; the quantizer is calibrated by a Beam job of its own.
corpus = ("articles.parquet",)
encode(EncodeRequest(corpus, "calibrated", encoder="encoder", quantizer="uint8", unit_rows=10, device="cpu"))

# %%
encode(EncodeRequest(corpus, "richer", encoder="encoder", quantizer="float16", device="cpu"))

# %%
derive(DeriveRequest("richer", "features", quantizer="sign"))

# %%
store = Store.open("features")
store

# %%
labels = read_labels("topics.parquet")
trained = train_from_store(store, TrainRequest("topic", labels))
trained.head.save("trained/topic")
trained

# %%
backfill(BackfillRequest("features", ("trained/topic",), "predictions", device="cpu"))

# %%
stored = Predictions.open("predictions").read("topic")
evaluate_predictions(labels, stored["doc_id"], stored["label"])

# %%
predicted = predict(PredictRequest(corpus, ("trained/topic",), device="cpu"))
predicted

# %%
answers = dict(zip(stored["doc_id"].to_pylist(), stored["label"].to_pylist(), strict=True))
assert dict(zip(predicted.table["doc_id"].to_pylist(), predicted.table["label"].to_pylist(), strict=True)) == answers
# What somebody builds for Beam's own interactive runner in the same notebook is labelled as before.
assert apache_beam.pipeline.alter_label_if_ipython is hook
