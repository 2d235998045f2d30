"""Messages of the jobs are for Python too: they use no words of the shell that Python does not know."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import encore


def test_no_heads_are_asked_for_in_words_of_both(store: encore.Store, tmp_path: Path) -> None:
    for call in (
        lambda: encore.backfill(store, heads=[], out=tmp_path / "out"),
        lambda: encore.predict("a text", heads=()),
    ):
        with pytest.raises(
            encore.UsageError, match=r"^no head is named; name at least one, by the folder that it was sav"
        ):
            call()


def test_one_of_several_heads_is_asked_for_in_words_of_both(
    store: encore.Store, labels: pa.Table, tmp_path: Path
) -> None:
    heads = [encore.train(store, labels, task=task, epochs=1) for task in ("topic", "tone")]
    found = encore.backfill(store, heads=heads, out=tmp_path / "out")
    with pytest.raises(encore.UsageError, match=r"out: name one head; heads there: tone@\w+, topic@\w+$"):
        found.to_arrow()
    with pytest.raises(encore.UsageError, match=r"^predictions: name one head; heads there: tone@\w+, topic@\w+$"):
        encore.predict("a text", heads=heads).of_head(None)


def test_nothing_to_predict_is_an_error(store: encore.Store, labels: pa.Table) -> None:
    head = encore.train(store, labels, task="topic", epochs=1)
    for texts in ((), []):
        with pytest.raises(encore.UsageError, match=r"^nothing to predict: give texts, a table or files$"):
            encore.predict(texts, heads=head)


def test_what_needs_dev_labels_says_so_in_words_of_both(store: encore.Store, labels: pa.Table) -> None:
    for given in ({"learning_rates": (1e-3, 1e-4)}, {"patience": 2}):
        with pytest.raises(
            encore.UsageError, match=r"needs dev documents .*; give dev labels, or a dev share above 0$"
        ):
            encore.train(store, labels, task="topic", dev_share=0, **given)  # type: ignore[arg-type]
