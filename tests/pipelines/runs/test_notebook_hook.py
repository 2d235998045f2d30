from __future__ import annotations

from threading import Thread

import apache_beam
import pytest

from encore.pipelines.runs.notebook_hook import without_notebook_hook


def test_only_what_this_thread_builds_is_kept_from_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled: list[object] = []
    monkeypatch.setattr(apache_beam.pipeline, "alter_label_if_ipython", lambda transform, _: labelled.append(transform))
    theirs = apache_beam.Create([2])

    def build_theirs() -> None:
        _ = apache_beam.Pipeline() | theirs

    with without_notebook_hook():
        _ = apache_beam.Pipeline() | apache_beam.Create([1])
        assert labelled == []
        other = Thread(target=build_theirs)
        other.start()
        other.join()
    assert labelled == [theirs]


def test_the_hook_is_back_where_building_fails() -> None:
    hook = apache_beam.pipeline.alter_label_if_ipython
    with pytest.raises(RuntimeError, match="no graph"), without_notebook_hook():
        raise RuntimeError("no graph")
    assert apache_beam.pipeline.alter_label_if_ipython is hook
