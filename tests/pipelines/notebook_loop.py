"""The whole loop as somebody writes it into a notebook, a cell after each mark; its files are those of its folder."""

# %%
import apache_beam
import pyarrow.parquet as pq

import encore

hook = apache_beam.pipeline.alter_label_if_ipython

# %% Of several units, so that several threads work; the quantizer is calibrated by a Beam job of its own.
corpus = "articles.parquet"
encore.encode(corpus, store="calibrated", encoder="encoder", quantizer="uint8", unit_rows=10, device="cpu")

# %%
encore.encode(pq.read_table(corpus), store="richer", encoder="encoder", quantizer="float16", device="cpu")

# %%
encore.derive("richer", store="features", quantizer="sign")

# %%
store = encore.open_store("features")
store

# %%
labels = pq.read_table("topics.parquet")
head = encore.train(store, labels=labels.slice(0, 30), out="trained/topic")
head

# %%
head.evaluation

# %%
predictions = encore.backfill(store, heads=head, out="predictions", device="cpu")
predictions

# %%
predictions.evaluate("topic", labels.slice(30))

# %%
predicted = encore.predict(inputs=corpus, heads="trained/topic", device="cpu")
predicted

# %%
answers = {row["doc_id"]: row["label"] for row in predictions.to_arrow("topic").to_pylist()}
assert {row["doc_id"]: row["label"] for row in predicted.to_arrow("topic").to_pylist()} == answers
# What somebody builds for Beam's own interactive runner in the same notebook is labelled as before.
assert apache_beam.pipeline.alter_label_if_ipython is hook
