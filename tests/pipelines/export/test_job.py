"""One Parquet file of everything that is known of each stored document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.featurestore import Catalogue, Change, StoreError, UsageError, commit
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.storage.objects import Objects
from encore.pipelines.export import ExportRequest, ExportSummary, export, row_groups
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.predictions.probabilities import MAP, STRUCT_CLASSES
from encore.pipelines.removal.vacuum import vacuum_folder
from tests.featurestore.building import put, spec_of, write
from tests.heads.building import model_of
from tests.pipelines.predictions.building import Folder, flip_inside, texts

KEPT = {"section": pa.array(["home", "world"] * 4), "year": pa.array(range(2018, 2026), pa.int16())}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Thirteen documents in two segments, of which the second keeps other columns; heads ``tone`` and ``topic``."""
    folder = Folder(tmp_path)
    store = Catalogue.create(str(tmp_path / "store"), spec_of())
    for documents, kept in (
        (texts("a", 8), KEPT),
        (texts("b", 5), {"year": pa.array([0.5] * 5), "by": pa.array(["x"] * 5)}),
    ):
        record = write(store, documents, kept)
        store = commit(store, Change(store.version, "encode", [SegmentEntry.of(record)]))
    head_of(folder, "tone", ("bad", "good"))
    head_of(folder, "topic", ("politics", "science", "sports"))
    return folder


def head_of(folder: Folder, task: str, classes: Sequence[str], seed: int = 0) -> str:
    head = replace(
        folder.head(task), classes=tuple(classes), model=model_of(folder.store.spec, "mean", len(classes), seed)
    )
    head.save(folder.root / task)
    return f"{task}@{head.digest[:12]}"


def exported(folder: Folder, **request: Any) -> tuple[ExportSummary, pa.Table]:
    out = str(folder.root / "out.parquet")
    done = export(ExportRequest(str(folder.root / "out"), folder.store.uri, out, **request))
    table = pq.read_table(out)
    assert done.documents == table.num_rows
    for head in done.heads:
        label = table[head.columns[0]]
        assert (head.predicted, head.without) == (len(label) - label.null_count, label.null_count)
        assert [table[name].null_count for name in head.columns] == [head.without] * len(head.columns)
    return done, table


def answers(table: pa.Table, task: str) -> dict[str, tuple[str, float]]:
    """Id → label and score of the documents that have them."""
    rows = zip(*(table[name].to_pylist() for name in ("doc_id", f"{task}_label", f"{task}_score")), strict=True)
    return {doc_id: (label, score) for doc_id, label, score in rows if label is not None}


def counts(done: ExportSummary) -> dict[str, tuple[int, int, int]]:
    return {it.head.partition("@")[0]: (it.predicted, it.without, it.left_out) for it in done.heads}


def test_a_row_has_all_that_is_known_of_a_document(folder: Folder) -> None:
    folder.backfill("tone", "topic", probabilities=True)
    done, table = exported(folder)
    kept = ["doc_id", "section", "year", "by"]
    assert table.select(kept).to_pydict() == folder.store.documents(kept).to_pydict()
    for task in ("tone", "topic"):
        assert answers(table, task) == folder.answers(task)
        expected = [dict(zip(classes(folder, task), row, strict=True)) for row in probabilities(folder, task)]
        assert table[f"{task}_probabilities"].to_pylist() == expected
    assert table.column_names[4:] == [name for head in done.heads for name in head.columns]
    assert (done.columns, counts(done)) == (tuple(kept), {"tone": (13, 0, 0), "topic": (13, 0, 0)})
    about = json.loads(pq.read_schema(folder.root / "out.parquet").metadata[b"encore"])
    assert about == {
        "store_id": folder.store.store_id,
        "snapshot": 2,
        "predictions": 1,
        "heads": {head.head.partition("@")[0]: head.head for head in done.heads},
    }


def classes(folder: Folder, task: str) -> list[str]:
    return json.loads((folder.root / task / "head.json").read_text())["classes"]


def probabilities(folder: Folder, task: str) -> list[list[float]]:
    return folder.predictions.read(task)["probabilities"].to_pylist()


def test_only_heads_and_columns_that_are_asked_for_are_exported(folder: Folder) -> None:
    folder.backfill("tone", "topic")
    _, table = exported(folder, heads=("tone",), columns=("by", "section"))
    assert table.column_names == ["doc_id", "by", "section", "tone_label", "tone_score"]
    _, table = exported(folder, columns=())
    assert table.column_names == ["doc_id", "tone_label", "tone_score", "topic_label", "topic_score"]
    with pytest.raises(UsageError, match="no kept column when; the store keeps section, year, by"):
        exported(folder, columns=("by", "when"))
    with pytest.raises(UsageError, match="no head 'x'; heads there: tone@"):
        exported(folder, heads=("x",))


def test_what_happened_since_the_backfill_is_counted(folder: Folder) -> None:
    folder.backfill("tone")
    before = folder.answers()
    store = delete(folder.store, ["a1", "b0"]).store
    put(store, {**texts("c", 2), "a2": "another text"})
    done, table = exported(folder)
    assert sorted(table["doc_id"].to_pylist()) == sorted(set(before) - {"a1", "b0"} | {"c0", "c1"}), (
        "what was deleted does not come back"
    )
    assert answers(table, "tone") == {name: it for name, it in before.items() if name not in {"a1", "b0", "a2"}}
    assert counts(done) == {"tone": (10, 3, 3)}
    folder.backfill("tone")
    done, table = exported(folder)
    assert (answers(table, "tone"), counts(done)) == (folder.answers(), {"tone": (13, 0, 0)})


def test_predictions_of_segments_that_were_compacted_since_are_found(folder: Folder) -> None:
    folder.backfill("tone")
    store = delete(folder.store, ["a1"]).store
    folder.backfill("topic")
    before = folder.answers()
    compact(store)
    done, table = exported(folder)
    assert answers(table, "tone") == {name: it for name, it in before.items() if name != "a1"}
    assert answers(table, "topic") == folder.answers("topic")
    assert counts(done) == {"tone": (12, 0, 1), "topic": (12, 0, 0)}


def test_predictions_of_several_snapshots_go_to_the_documents_of_one(folder: Folder) -> None:
    folder.backfill("tone", snapshot=1)
    delete(folder.store, ["a0"])
    folder.backfill("topic")
    done, table = exported(folder)
    assert (counts(done), answers(table, "tone").keys()) == (
        {"tone": (7, 5, 1), "topic": (12, 0, 0)},
        {f"a{number}" for number in range(1, 8)},
    )
    done, table = exported(folder, snapshot=2)
    assert counts(done) == {"tone": (8, 5, 0), "topic": (12, 1, 0)}
    assert answers(table, "topic") == folder.answers("topic")


def test_two_heads_of_one_task_have_columns_of_their_own(folder: Folder) -> None:
    names = []
    for seed in (0, 1):
        names.append(head_of(folder, "topic", ("a", "b"), seed))
        folder.backfill("topic", "tone")
    _, table = exported(folder)
    first, second = (name.replace("@", "_") for name in sorted(names))
    assert [name for name in table.column_names if name.endswith("_label")] == [
        "tone_label",
        f"{first}_label",
        f"{second}_label",
    ]
    for name in names:
        assert answers(table, name.replace("@", "_")) == folder.answers(name)
        assert answers(exported(folder, heads=(name,))[1], "topic") == folder.answers(name)
    with pytest.raises(UsageError, match="several heads 'topic'"):
        exported(folder, heads=("topic",))


@pytest.mark.parametrize(
    "names",
    [("a.b", "it's", 'say "x"', "doc_id"), ("Sports", "sports", "x"), [f"c{i}" for i in range(STRUCT_CLASSES + 1)]],
    ids=["odd", "twins", "many"],
)
def test_every_class_has_its_name(folder: Folder, names: Sequence[str]) -> None:
    head_of(folder, "odd", names)
    folder.backfill("odd", probabilities=True)
    put(folder.store, texts("c", 1))
    done, table = exported(folder)
    column = table["odd_probabilities"]
    assert (column.type == MAP) == (names[0] != "a.b")
    rows = [dict(zip(names, row, strict=True)) for row in probabilities(folder, "odd")]
    assert column.to_pylist(maps_as_pydicts="strict") == [*rows, None]
    assert counts(done) == {"odd": (13, 1, 0)}


def test_columns_of_one_name_are_refused(folder: Folder) -> None:
    put_kept(folder, "c", {"tone_label": pa.array([1])})
    folder.backfill("tone")
    with pytest.raises(
        UsageError,
        match=r"two columns would be called tone_label, which SQL takes .* choose the kept columns to export",
    ):
        exported(folder)
    assert exported(folder, columns=("year",))[1].column_names == ["doc_id", "year", "tone_label", "tone_score"]


@pytest.mark.parametrize("name", ["Tone_Label", "DOC_ID", "YEAR"])
def test_columns_that_sql_would_take_for_one_are_refused(folder: Folder, name: str) -> None:
    put_kept(folder, "c", {name: pa.array([1])})
    folder.backfill("tone")
    with pytest.raises(UsageError, match=rf"two columns would be called (\w+ and {name}|{name} and \w+), which SQL"):
        exported(folder)


def test_tasks_whose_names_differ_in_case_have_columns_that_sql_tells_apart(folder: Folder) -> None:
    names = [head_of(folder, task, ("a", "b"), seed) for seed, task in enumerate(("Tone", "tone"))]
    folder.backfill("tone", "Tone")
    _, table = exported(folder)
    for name in names:
        assert answers(table, name.replace("@", "_")) == folder.answers(name)
    assert exported(folder, heads=names[:1])[1].column_names[-2:] == ["Tone_label", "Tone_score"]


def put_kept(folder: Folder, prefix: str, kept: dict[str, pa.Array]) -> None:
    store = folder.store
    record = write(store, texts(prefix, 1), kept)
    commit(store, Change(store.version, "encode", [SegmentEntry.of(record)]))


def test_small_segments_share_a_row_group_and_large_ones_are_cut(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for letter in "cdefgh":
        put(folder.store, texts(letter, 1))
    folder.backfill("tone", "topic", probabilities=True)
    whole = exported(folder)[1]
    assert groups_of(folder) == [19]
    monkeypatch.setattr(row_groups, "GROUP_ROWS", 4)
    assert exported(folder)[1].equals(whole)
    assert groups_of(folder) == [4, 4, 4, 4, 3]
    monkeypatch.setattr(row_groups, "ROW_GROUP_BYTES", 3 * 4 * 5)
    assert exported(folder)[1].equals(whole)
    assert groups_of(folder) == [3] * 6 + [1]


def groups_of(folder: Folder) -> list[int]:
    found = pq.read_metadata(folder.root / "out.parquet")
    return [found.row_group(number).num_rows for number in range(found.num_row_groups)]


def test_a_file_is_written_whole_or_not_at_all(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.backfill("tone")
    exported(folder)
    before = (folder.root / "out.parquet").read_bytes()
    flip_inside(folder.path(folder.files[-1]))
    written: list[pa.Table] = []
    monkeypatch.setattr(row_groups.RowGroups, "_write_group", lambda _, rows: written.append(rows))
    with pytest.raises(StoreError, match=r"damaged: .*; run encore backfill with this head and --check"):
        exported(folder)
    assert written == [], "nothing is written of what will be dropped"
    assert (folder.root / "out.parquet").read_bytes() == before
    assert {path.name for path in folder.root.iterdir()} == {"out", "out.parquet", "store", "tone", "topic"}


def test_files_that_go_while_they_are_exported_are_those_of_an_older_version(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.backfill("tone")
    store = delete(folder.store, ["a1"]).store
    real, seen = PredictionsFolder.read_file, []

    def then(self: PredictionsFolder, *args: Any) -> pa.Table:
        seen.append(args)
        if len(seen) == 2:
            folder.backfill("tone")
            vacuum_folder(self, age_limit=timedelta(0))
        return real(self, *args)

    monkeypatch.setattr(PredictionsFolder, "read_file", then)
    _, table = exported(folder)
    assert (table.num_rows, answers(table, "tone")) == (len(store), folder.answers())


def test_nothing_is_exported_without_predictions_of_the_store(folder: Folder, tmp_path: Path) -> None:
    PredictionsFolder.create(str(tmp_path / "out"), folder.store, probabilities=False)
    with pytest.raises(UsageError, match="lists no predictions yet"):
        exported(folder)
    other = Catalogue.create(str(tmp_path / "other"), spec_of())
    with pytest.raises(UsageError, match=r"holds predictions for another store than .*other"):
        export(ExportRequest(str(tmp_path / "out"), other.uri, str(tmp_path / "x.parquet")))
    with pytest.raises(UsageError, match=r"x.csv: expected a name that ends in .parquet"):
        export(ExportRequest(str(tmp_path / "out"), other.uri, "x.csv"))
    assert {path.name for path in tmp_path.iterdir()} == {"out", "other", "store", "tone", "topic"}


def test_an_empty_snapshot_gives_a_file_of_no_rows(folder: Folder) -> None:
    folder.backfill("tone", probabilities=True)
    done, table = exported(folder, snapshot=0)
    assert (table.num_rows, counts(done)) == (0, {"tone": (0, 0, 13)})
    assert table.column_names == ["doc_id", "tone_label", "tone_score", "tone_probabilities"]


def test_progress_is_told_in_segments(folder: Folder) -> None:
    folder.backfill("tone")
    told: list[tuple[int, int]] = []
    request = ExportRequest(str(folder.root / "out"), folder.store.uri, str(folder.root / "x.parquet"))
    export(request, lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]


def test_everything_may_lie_in_object_storage(folder: Folder, s3_bucket: str) -> None:
    put(folder.store, texts("c", 1))
    folder.backfill("tone", probabilities=True)
    put(folder.store, texts("d", 1))
    _, table = exported(folder)
    for name in ("store", "out"):
        here, there = Objects.open(str(folder.root / name)), Objects.open(f"{s3_bucket}/{name}")
        for path, _ in here.walk():
            there.put(path, here.get(path))
    done = export(ExportRequest(f"{s3_bucket}/out", f"{s3_bucket}/store", f"{s3_bucket}/new/file.parquet"))
    assert counts(done) == {"tone": (14, 1, 0)}
    found = pq.read_table(pa.BufferReader(Objects.open(f"{s3_bucket}/new").get("file.parquet")))
    assert found.equals(table)
    assert PredictionsFolder.open(f"{s3_bucket}/out").addresses("tone") == [
        f"{s3_bucket}/out/{file.path}" for file in folder.files
    ]
