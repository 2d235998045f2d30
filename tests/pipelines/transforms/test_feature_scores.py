from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.io.parquetio import WriteToParquetBatched
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.display import DisplayData

from encore.beam import ReadFeatures, ScoreFeatures
from encore.featurestore import FeatureBlock, SpecMismatch, StoreError, UsageError
from encore.featurestore.rewriting.deletion import delete
from encore.heads import Head
from tests.heads.building import CLASSES, block_of, by_module, head_of, spec_of
from tests.pipelines.predictions.building import Folder
from tests.pipelines.worker_pool import worker_pool

DOCUMENTS = 13


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A store of two segments and the head `tone`."""
    return Folder.build(tmp_path)


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    """Rows with the values that a test of equality can take."""
    rounded = [[round(score, 4) for score in table["score"].to_pylist()]]
    return list(zip(*table.select(["doc_id", "head", "label"]).to_pydict().values(), *rounded, strict=True))


def require(scored: beam.PCollection[pa.Table], folder: Folder, *tasks: str) -> None:
    """Fail unless tables say what a backfill by these heads has written."""
    names = {name.partition("@")[0]: name for name in folder.predictions.heads()}
    written = [
        (doc_id, names[task], label, round(score, 4))
        for task in tasks
        for doc_id, (label, score) in folder.answers(task).items()
    ]
    assert_that(scored | "Rows" >> beam.FlatMap(rows_of), equal_to(written))


def test_tables_say_what_a_backfill_writes(folder: Folder) -> None:
    folder.head("topic", seed=1)
    delete(folder.store, ["a2", "b0"])
    folder.backfill("tone", "topic")
    heads: list[str | Path] = [folder.root / "tone", str(folder.root / "topic")]
    with beam.Pipeline() as pipeline:
        scored = pipeline | ReadFeatures(folder.store.uri) | ScoreFeatures(heads, device="cpu")
        require(scored, folder, "tone", "topic")
        tables = scored | beam.Map(lambda table: table.num_rows)
        assert_that(tables, equal_to([7, 7, 4, 4]), label="a table of each head for each block")


def test_a_head_may_be_given_by_itself(folder: Folder) -> None:
    folder.backfill()
    head = Head.load(folder.root / "tone")
    for given in (head, [head], folder.root / "tone"):
        with beam.Pipeline() as pipeline:
            require(pipeline | ReadFeatures(folder.store) | ScoreFeatures(given, device="cpu"), folder, "tone")  # type: ignore[arg-type]


def test_workers_in_other_processes_read_and_score(folder: Folder, tmp_path: Path) -> None:
    """Store and one head have relative paths, which do not exist in the workers' folder. One head is an object."""
    head = folder.head("topic", seed=1)
    folder.backfill("tone", "topic")
    (tmp_path / "elsewhere").mkdir()
    score = ScoreFeatures([os.path.relpath(folder.root / "tone"), head], probabilities=True, device="cpu")
    with worker_pool(tmp_path / "elsewhere") as pool:
        pipeline = beam.Pipeline(options=PipelineOptions(list(pool.options)))
        scored = pipeline | ReadFeatures(os.path.relpath(folder.store.uri)) | "Spread" >> beam.Reshuffle() | score
        _ = scored | WriteToParquetBatched(str(tmp_path / "scores" / "part"), score.schema)
        pipeline.run().wait_until_finish()
    table = pq.read_table(tmp_path / "scores")
    for task in ("tone", "topic"):
        found = [row for row in table.to_pylist() if row["head"].startswith(f"{task}@")]
        answers = {row["doc_id"]: (row["label"], pytest.approx(row["score"])) for row in found}
        assert answers == folder.answers(task)
        assert len(found) == DOCUMENTS


def test_probabilities_bear_the_names_of_classes(folder: Folder) -> None:
    head = head_of(folder.store.spec, "attention")
    block = folder.store.gather([*(f"a{number}" for number in range(8)), *(f"b{number}" for number in range(5))])
    expected = dict(zip(block.doc_ids.to_pylist(), by_module(head, folder.store.spec, block).tolist(), strict=True))
    transform = ScoreFeatures(head, probabilities=True, device="cpu")

    def require_probabilities(tables: list[pa.Table]) -> None:
        table = pa.concat_tables(tables)
        assert table.schema == transform.schema
        assert table.column_names == ["doc_id", "head", "label", "score", "probabilities"]
        for row in table.to_pylist():
            names, values = zip(*row["probabilities"], strict=True)
            assert names == CLASSES
            np.testing.assert_allclose(values, expected[row["doc_id"]], atol=1e-5)

    with beam.Pipeline() as pipeline:
        assert_that(pipeline | ReadFeatures(folder.store) | transform, require_probabilities)


def test_pairs_are_scored_by_where_their_second_text_begins() -> None:
    spec = spec_of()
    head, block = head_of(spec, "pair"), block_of(spec, [5, 7, 3], first_lengths=[2, 6, 1])
    expected = [round(float(row.max()), 4) for row in by_module(head, spec, block)]
    with beam.Pipeline() as pipeline:
        scored = pipeline | beam.Create([block]) | ScoreFeatures(head, device="cpu")
        scores = scored | beam.FlatMap(lambda table: [round(score, 4) for score in table["score"].to_pylist()])
        assert_that(scores, equal_to(expected))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (block_of(spec_of(), [3, 0, 2]), "document d1 has no stored vector"),
        (block_of(spec_of("uint8"), [3, 2]), "do not match the spec"),
    ],
    ids=["a document without a vector", "features of another shape"],
)
def test_what_cannot_be_scored_ends_the_pipeline(block: FeatureBlock, message: str) -> None:
    with pytest.raises(StoreError, match=message), beam.Pipeline() as pipeline:
        _ = pipeline | beam.Create([block]) | ScoreFeatures(head_of(spec_of()), device="cpu")


def test_a_block_of_which_a_filter_left_nothing_gives_an_empty_table() -> None:
    nothing = block_of(spec_of(), [3, 2]).take(np.array([], np.int64))
    with beam.Pipeline() as pipeline:
        scored = pipeline | beam.Create([nothing]) | ScoreFeatures(head_of(spec_of()), probabilities=True, device="cpu")
        assert_that(scored | beam.Map(lambda table: table.num_rows), equal_to([0]))


@pytest.mark.parametrize(
    "between",
    [
        [],
        [beam.Filter(lambda block: len(block) > 3)],
        [beam.Map(lambda block: (1, block)), beam.GroupByKey(), beam.FlatMap(lambda pair: pair[1])],
    ],
    ids=["directly", "a filter", "a shuffle"],
)
def test_a_head_of_other_features_is_refused_before_the_pipeline_runs(
    folder: Folder, between: Sequence[beam.PTransform]
) -> None:
    blocks = beam.Pipeline() | ReadFeatures(folder.store)
    for number, step in enumerate(between):
        blocks |= f"step {number}" >> step
    with pytest.raises(SpecMismatch) as refused:
        _ = blocks | ScoreFeatures(head_of(spec_of(layers="mean:2", quantizer="int4")))
    assert set(refused.value.differences) >= {"layers", "quantizer"}
    assert f"store {folder.store.uri}" in str(refused.value)


def test_each_of_several_stores_is_looked_at(folder: Folder, tmp_path: Path) -> None:
    other = folder.store.create(str(tmp_path / "other"), spec_of(layers="mean:2"))
    pipeline = beam.Pipeline()
    both = (pipeline | "One" >> ReadFeatures(folder.store), pipeline | "Two" >> ReadFeatures(other))
    with pytest.raises(SpecMismatch, match="other"):
        _ = both | beam.Flatten() | ScoreFeatures(folder.root / "tone")


def test_heads_that_do_not_go_together_are_refused(folder: Folder) -> None:
    tone = folder.root / "tone"
    with pytest.raises(UsageError, match="no head is named"):
        ScoreFeatures([])
    with pytest.raises(UsageError, match=r"tone@[0-9a-f]{12} are named twice"):
        ScoreFeatures([tone, Head.load(tone)])
    with pytest.raises(SpecMismatch, match="quantizer"):
        ScoreFeatures([tone, head_of(spec_of("int4"))])
    with pytest.raises(UsageError, match="no such directory"):
        ScoreFeatures("trained/nothing")
    with pytest.raises(UsageError, match="neither a head nor the directory of one"):
        ScoreFeatures([7])  # type: ignore[list-item]


def test_a_head_that_changes_before_a_worker_loads_it_ends_the_pipeline(folder: Folder) -> None:
    transform = ScoreFeatures(folder.root / "tone", device="cpu")
    replace(head_of(folder.store.spec, seed=9), task="tone").save(folder.root / "tone")
    with pytest.raises(StoreError, match="when the pipeline was made"), beam.Pipeline() as pipeline:
        _ = pipeline | ReadFeatures(folder.store) | transform


def test_a_runner_is_told_what_scores(folder: Folder) -> None:
    transform = ScoreFeatures(folder.root / "tone")
    items = {item.key: item.value for item in DisplayData.create_from(transform).items}
    assert items == {
        "heads": transform.names[0],
        "features": "tiny mean:4 tokens sign",
        "device": "auto",
        "dtype": "float32",
    }
    assert transform.get_type_hints().simple_output_type("") is pa.Table


def test_blocks_and_tables_have_types_that_beam_checks(folder: Folder) -> None:
    with pytest.raises(beam.typehints.TypeCheckError):
        _ = beam.Pipeline() | beam.Create(["text"]) | ScoreFeatures(folder.root / "tone")
