"""The loop as a scientist writes it: every line of it works, and every command of the shell takes what it made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import encore
from tests.pipelines.jobs import encoder


def test_the_loop_runs_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corpus: pa.Table, labels: pa.Table
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(corpus, "articles.parquet")
    report = encore.encode(["articles.parquet"], store="features", quantizer="sign", encoder=encoder())
    assert report["documents"]["encoded"] == 40

    store = encore.open_store("features")
    assert repr(store) == "<Store features@1: 40 documents, mean:3 · tokens · sign>"
    vectors = store.vectors(["d1", "d2"])
    lengths = dict(zip(store.documents()["doc_id"].to_pylist(), store.documents()["n_tokens"].to_pylist(), strict=True))
    assert [(it.shape, it.dtype) for it in vectors] == [((lengths[name], 32), np.float32) for name in ("d1", "d2")]
    assert store.vectors(["d1", "d2"], pooled="mean").shape == (2, 32)
    assert store.documents().num_rows == 40

    head = encore.train(store, labels=labels, task="topic", learning_rates=(1e-4, 3e-4))
    assert head.evaluation is not None
    head.save("trained/topic")
    assert encore.load_head("trained/topic").digest == head.digest

    predictions = encore.backfill(store, heads=[head], out="predictions")
    answers = predictions.to_arrow("topic")
    assert answers.num_rows == 40
    measured = predictions.evaluate("topic", labels)
    assert measured.documents == 40
    assert measured.accuracy == encore.evaluate("predictions", labels, head="trained/topic").accuracy

    said = encore.predict(corpus["text"].to_pylist(), heads=[head])
    by_id = dict(zip(answers["doc_id"].to_pylist(), answers["label"].to_pylist(), strict=True))
    assert said.to_arrow("topic")["label"].to_pylist() == [by_id[f"d{i}"] for i in range(40)]

    done = encore.export(predictions, store=store, out="topics.parquet")
    assert (done["documents"], pq.read_metadata("topics.parquet").num_rows) == (40, 40)

    store.tag("v1")
    assert store.tags == {"v1": 1}
    store.compact()
    assert store.verify(deep=True)["findings"] == ()
    assert store.delete(["d1"])["deleted"] == 1
    assert len(store) == 39
    assert len(encore.open_store("features", snapshot="v1")) == 40


def test_a_head_is_taken_saved_or_not_one_or_several(store: encore.Store, labels: pa.Table, tmp_path: Path) -> None:
    head = encore.train(store, labels, task="topic", epochs=1)
    other = encore.train(store, labels, out=tmp_path / "other", epochs=2)
    assert other.task == "other"
    encore.backfill(store, heads=head, out=tmp_path / "one")
    both = encore.backfill(store, heads=[head, tmp_path / "other"], out=tmp_path / "both")
    assert [name.partition("@")[0] for name in both.heads] == ["other", "topic"]
    one = encore.open_predictions(tmp_path / "one")
    assert both.to_arrow(head)["label"].to_pylist() == one.to_arrow()["label"].to_pylist()
    said = encore.predict("a new text", heads=[head, tmp_path / "other"], probabilities=True)
    assert [it["head"].partition("@")[0] for it in said.to_arrow().to_pylist()] == ["topic", "other"]
    assert dict(said.to_arrow()["probabilities"][0].as_py()).keys() == {"even", "odd"}


def test_heads_of_other_features_are_refused_by_their_names(
    store: encore.Store, labels: pa.Table, tmp_path: Path
) -> None:
    head = encore.train(store, labels, task="topic", epochs=1)
    encore.derive(store, store=tmp_path / "poorer", positions="cls")
    with pytest.raises(encore.SpecMismatch, match=r"head topic@[0-9a-f]{12} and store .*poorer hold different"):
        encore.backfill(tmp_path / "poorer", heads=head, out=tmp_path / "predictions")


def test_an_evaluation_knows_what_the_head_was_trained_on(
    store: encore.Store, corpus: pa.Table, labels: pa.Table, tmp_path: Path
) -> None:
    head = encore.train(store, labels.slice(0, 20), task="topic", epochs=1, dev_share=0)
    predictions = encore.backfill(store, heads=head, out=tmp_path / "predictions")
    said = encore.predict(inputs=corpus, heads=head)
    for evaluation in (
        predictions.evaluate("topic", labels),
        predictions.evaluate(head, labels),
        said.evaluate(None, labels),
        encore.evaluate(said, labels, head=head),
    ):
        assert (evaluation.trained_on, evaluation.documents) == (20, 40)


def test_a_task_without_a_name_is_refused_before_labels_are_read(store: encore.Store) -> None:
    with pytest.raises(encore.UsageError, match="the task has no name; give task, or give out"):
        encore.train(store, "no-such-file.parquet")


def test_labels_of_documents_that_are_not_stored_are_told(
    store: encore.Store, labels: pa.Table, caplog: pytest.LogCaptureFixture
) -> None:
    more = pa.concat_tables([labels, pa.table({"doc_id": ["x", ""], "label": ["even", "odd"]})])
    encore.train(store, more, task="topic", epochs=1)
    assert "labels: 1 labelled document without a stored one: x" in caplog.text
    assert "labels: 1 row without an id or a label" in caplog.text


def test_texts_and_files_together_are_refused(store: encore.Store, labels: pa.Table, tmp_path: Path) -> None:
    head = encore.train(store, labels, task="topic", epochs=1)
    with pytest.raises(encore.UsageError, match="give the one or the other"):
        encore.predict("a text", heads=head, inputs=tmp_path / "a.parquet")
    said = encore.predict([" ", "a text"], heads=head)
    assert (said.table.num_rows, said.rejected["doc_id"].to_pylist()) == (1, ["1"])
    assert "rejected" in said._repr_html_()
