from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from encore.encoders import DocumentBlock, FeatureExtractor, load_encoder
from encore.featurestore import Catalogue, DataError, SpecMismatch, TextSpec, UsageError
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.storage import Objects
from encore.featurestore.verification.store import verify
from encore.pipelines.corpus import CorpusColumns
from encore.pipelines.corpus.pruning import PruneLimit
from encore.pipelines.dead_letters import DeadLetterLimit
from encore.pipelines.encoding import job, read_stage
from encore.pipelines.ingestion.derivation import DeriveRequest, derive
from encore.pipelines.runs.run_folder import RunFolder
from tests.encoders.editing import edit_json
from tests.models import tiny_bert
from tests.pipelines.jobs import ONE_WORKER, documents, encoder, run_encode, texts, write_corpus


def test_every_document_is_stored_with_the_features_that_the_encoder_gives(tmp_path: Path) -> None:
    rows = texts(50)
    report = run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", rows), quantizer="float16")
    assert report.exit_code == 0
    assert documents(report) == {
        "in": 50,
        "encoded": 50,
        "adopted": 0,
        "refreshed": 0,
        "skipped": 0,
        "blocked": 0,
        "dead": 0,
        "superseded": 0,
    }
    store = Catalogue.open(str(tmp_path / "store"))
    loaded = load_encoder(encoder(), device="cpu")
    block = DocumentBlock.build(pa.array([r["doc_id"] for r in rows]), pa.array([r["text"] for r in rows]))
    expected = FeatureExtractor(loaded, store.spec).extract(block).features
    stored = store.gather([row["doc_id"] for row in rows])
    assert stored.index.select(["doc_id", "n_tokens"]).equals(expected.index.select(["doc_id", "n_tokens"]))
    np.testing.assert_array_equal(stored.packed, expected.packed)


def test_a_second_run_encodes_nothing_and_commits_nothing(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(40))
    run_encode(tmp_path / "store", corpus)
    again = run_encode(tmp_path / "store", corpus)
    assert documents(again)["encoded"] == 0
    assert documents(again)["skipped"] == 40
    assert again.document["snapshot"] == {"before": 1, "after": 1}
    assert not again.document["committed"]


def test_only_new_and_changed_documents_are_encoded(tmp_path: Path) -> None:
    rows = texts(40)
    run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", rows))
    changed = [{**row, "text": row["text"] + " changed"} if i < 3 else row for i, row in enumerate(rows)]
    report = run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", changed + texts(10, start=40)))
    assert documents(report)["encoded"] == 13
    assert documents(report)["superseded"] == 3
    store = Catalogue.open(str(tmp_path / "store"))
    assert len(store) == 50
    fresh = run_encode(tmp_path / "fresh", str(tmp_path / "a.parquet"))
    assert fresh.exit_code == 0
    assert store.digest() == Catalogue.open(str(tmp_path / "fresh")).digest()


@pytest.mark.parametrize("refused", ["", "\u200b"], ids=["by validation", "by the tokenizer"])
def test_a_document_whose_new_text_is_refused_keeps_its_old_features(tmp_path: Path, refused: str) -> None:
    rows = texts(6)
    run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", rows))
    before = Catalogue.open(str(tmp_path / "store")).gather(["d2"]).packed
    changed = [{**row, "text": {"d2": refused, "d4": "another text"}.get(row["doc_id"], row["text"])} for row in rows]
    write_corpus(tmp_path / "a.parquet", changed)
    for superseded in (1, 0):
        report = run_encode(tmp_path / "store", str(tmp_path / "a.parquet"), prune=True)
        counts = documents(report)
        assert (counts["dead"], counts["superseded"], report.document["pruned"]) == (1, superseded, 0)
        store = Catalogue.open(str(tmp_path / "store"))
        assert len(store) == 6
        np.testing.assert_array_equal(store.gather(["d2"]).packed, before)


def test_a_text_that_changes_and_changes_back_is_stored_as_it_was(tmp_path: Path) -> None:
    corpus = tmp_path / "a.parquet"
    run_encode(tmp_path / "store", write_corpus(corpus, [{"doc_id": "x", "text": "one"}]))
    first = Catalogue.open(str(tmp_path / "store")).digest()
    run_encode(tmp_path / "store", write_corpus(corpus, [{"doc_id": "x", "text": "two"}]))
    assert Catalogue.open(str(tmp_path / "store")).digest() != first
    run_encode(tmp_path / "store", write_corpus(corpus, [{"doc_id": "x", "text": "one"}]))
    store = Catalogue.open(str(tmp_path / "store"))
    assert (store.digest(), len(store)) == (first, 1)


def test_segments_of_a_run_that_committed_nothing_are_adopted(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", [*texts(30), *({"doc_id": f"b{i}", "text": ""} for i in range(12))])
    over = run_encode(tmp_path / "store", corpus, unit_rows=10)
    assert over.exit_code == 1
    assert over.document["dead_letters"]["count"] == 12
    assert Catalogue.open(str(tmp_path / "store")).version == 0
    within = run_encode(tmp_path / "store", corpus, unit_rows=10, limit=DeadLetterLimit.parse("12"))
    assert within.exit_code == 0
    assert documents(within) == {
        "in": 42,
        "encoded": 0,
        "adopted": 30,
        "refreshed": 0,
        "skipped": 0,
        "blocked": 0,
        "dead": 12,
        "superseded": 0,
    }
    assert len(Catalogue.open(str(tmp_path / "store"))) == 30


def test_an_id_in_two_files_gives_the_same_store_every_night(tmp_path: Path) -> None:
    first = write_corpus(tmp_path / "a.parquet", texts(20))
    second = write_corpus(tmp_path / "b.parquet", [*texts(5, start=15, word="other"), *texts(5, start=20)])
    night = run_encode(tmp_path / "store", first, second)
    assert documents(night) == {
        "in": 30,
        "encoded": 25,
        "adopted": 0,
        "refreshed": 0,
        "skipped": 0,
        "blocked": 0,
        "dead": 5,
        "superseded": 0,
    }
    digest = Catalogue.open(str(tmp_path / "store")).digest()
    again = run_encode(tmp_path / "store", second, first)
    assert documents(again)["encoded"] == 0
    assert not again.document["committed"]
    assert Catalogue.open(str(tmp_path / "store")).digest() == digest


def test_rejected_documents_become_dead_letters_with_their_reason(tmp_path: Path) -> None:
    rows = [
        *texts(5),
        {"doc_id": None, "text": "no id"},
        {"doc_id": "empty", "text": ""},
        {"doc_id": "null", "text": None},
    ]
    rows += [{"doc_id": "zero-width", "text": "\u200b"}, {"doc_id": "d1", "text": "again"}]
    corpus = write_corpus(tmp_path / "a.parquet", rows)
    report = run_encode(tmp_path / "store", corpus, dead_letters=str(tmp_path / "dead"))
    assert report.exit_code == 0
    (copied,) = (tmp_path / "dead").iterdir()
    letters = {
        (row["doc_id"], row["stage"], row["reason"].partition(":")[0], row["row"])
        for row in pq.read_table(copied).to_pylist()
    }
    assert letters == {
        (None, "validate", "missing id", 5),
        ("empty", "validate", "empty text", 6),
        ("null", "validate", "null text", 7),
        ("zero-width", "tokenize", "no tokens", 8),
        ("d1", "validate", "duplicate id", 9),
    }
    assert report.document["dead_letters"]["count"] == 5
    assert len(Catalogue.open(str(tmp_path / "store"))) == 5


def test_dead_letters_of_the_encoder_are_reported_again_when_a_segment_is_adopted(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", [*texts(5), {"doc_id": "zero-width", "text": "\u200b"}])
    none = DeadLetterLimit.parse("0")
    assert run_encode(tmp_path / "store", corpus, limit=none).exit_code == 1
    report = run_encode(tmp_path / "store", corpus)
    assert documents(report) == {
        "in": 6,
        "encoded": 0,
        "adopted": 5,
        "refreshed": 0,
        "skipped": 0,
        "blocked": 0,
        "dead": 1,
        "superseded": 0,
    }
    assert report.document["dead_letters"]["reasons"] == {"tokenize: no tokens": 1}


def test_a_unit_that_cannot_be_read_fails_alone_and_is_done_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (write_corpus(tmp_path / f"{n}.parquet", texts(10, start=s)) for n, s in (("a", 0), ("b", 10)))
    whole = read_stage.read_units

    def broken(units, columns):  # type: ignore[no-untyped-def]
        if units[0].file.uri == second:
            raise OSError("the disk is gone")
        return whole(units, columns)

    monkeypatch.setattr(read_stage, "read_units", broken)
    report = run_encode(tmp_path / "store", first, second)
    assert report.exit_code == 1
    assert report.document["failures"] == {
        "1": {"stage": "read", "reason": "OSError: the disk is gone", "unreadable": False}
    }
    assert len(Catalogue.open(str(tmp_path / "store"))) == 10
    monkeypatch.undo()
    report = run_encode(tmp_path / "store", first, second)
    assert (report.exit_code, documents(report)["encoded"]) == (0, 10)
    assert len(Catalogue.open(str(tmp_path / "store"))) == 20


def test_bundles_that_run_twice_store_and_count_everything_once(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(30))
    options = ("--direct_num_workers=1", "--direct_runner_bundle_repeat=1")
    twice = run_encode(
        tmp_path / "twice", corpus, unit_rows=10, options=options, quantizer="uint8:per-dimension:histogram"
    )
    once = run_encode(tmp_path / "once", corpus, unit_rows=10, quantizer="uint8:per-dimension:histogram")
    assert documents(twice) == documents(once)
    assert twice.document["fingerprint"] == once.document["fingerprint"]
    assert Catalogue.open(str(tmp_path / "twice")).digest() == Catalogue.open(str(tmp_path / "once")).digest()


def test_calibration_does_not_depend_on_units_or_workers(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(60))
    fingerprints = {
        run_encode(
            tmp_path / f"store-{rows}-{workers}",
            corpus,
            quantizer="uint8",
            unit_rows=rows,
            options=(f"--direct_num_workers={workers}",),
        ).document["fingerprint"]
        for rows, workers in ((60, 1), (7, 2), (16, 1))
    }
    assert len(fingerprints) == 1


def test_two_encodes_of_one_corpus_at_once_end_in_one_correct_store(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(60))
    reports = []
    runs = [
        threading.Thread(
            target=lambda rows=rows: reports.append(run_encode(tmp_path / "store", corpus, unit_rows=rows))
        )
        for rows in (20, 15)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [report.exit_code for report in reports] == [0, 0]
    run_encode(tmp_path / "alone", corpus, unit_rows=60)
    both, alone = Catalogue.open(str(tmp_path / "store")), Catalogue.open(str(tmp_path / "alone"))
    assert sorted(both.documents()["doc_id"].to_pylist()) == sorted(alone.documents()["doc_id"].to_pylist())
    assert len(both) == 60


def test_documents_that_left_the_corpus_stay_until_they_are_pruned(tmp_path: Path) -> None:
    run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", texts(20)))
    smaller = write_corpus(tmp_path / "a.parquet", texts(15))
    run_encode(tmp_path / "store", smaller)
    assert len(Catalogue.open(str(tmp_path / "store"))) == 20
    report = run_encode(tmp_path / "store", smaller, prune=True, prune_limit=PruneLimit.parse("5"))
    assert report.document["pruned"] == 5
    store = Catalogue.open(str(tmp_path / "store"))
    assert set(store.documents()["doc_id"].to_pylist()) == {f"d{i}" for i in range(15)}


def test_kept_columns_stay_beside_the_features(tmp_path: Path) -> None:
    rows = [{**row, "year": 2000 + i, "source": "wire"} for i, row in enumerate(texts(5))]
    columns = CorpusColumns(keep=("year", "source"))
    run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", rows), columns=columns)
    table = Catalogue.open(str(tmp_path / "store")).documents()
    assert table["year"].to_pylist() == [2000, 2001, 2002, 2003, 2004]
    assert table["source"].to_pylist() == ["wire"] * 5


def test_kept_columns_of_one_run_and_of_many_need_not_agree_about_types(tmp_path: Path) -> None:
    exact, rough = Decimal("12345678901234567890.10"), 0.5
    folder, store = tmp_path / "corpus", tmp_path / "store"
    folder.mkdir()
    nights = {
        "a.parquet": {"price": pa.array([exact]), "at": pa.array([1], pa.timestamp("ns")), "tags": pa.nulls(1)},
        "b.parquet": {"price": pa.array([rough]), "at": pa.array([1], pa.timestamp("us")), "tags": [["x"]]},
    }
    for number, (name, columns) in enumerate(nights.items()):
        table = pa.table({"doc_id": [f"d{number}"], "text": [f"text {number}"], **columns})
        pq.write_table(table, folder / name)
    keep = CorpusColumns(keep=("price", "at", "tags"))
    run_encode(store, str(folder), columns=keep, quantizer="uint8")
    line = '{"doc_id": "d2", "text": "text 2", "price": 1.10, "at": 1e400, "tags": {"b":[1.0],"a": 2}}'
    (folder / "c.jsonl").write_text(line)
    run_encode(store, str(folder), columns=keep, quantizer="uint8")
    expected = {
        "d0": ["12345678901234567890.10", "1970-01-01T00:00:00.000000001", None],
        "d1": ["0.5", "1970-01-01T00:00:00.000001", '["x"]'],
        "d2": ["1.10", "1e400", '{"b":[1.0],"a": 2}'],
    }
    derive(DeriveRequest(str(store), str(tmp_path / "poorer"), positions="cls"), beam_options=ONE_WORKER)
    assert kept_of(Catalogue.open(str(tmp_path / "poorer")), keep) == expected
    for _ in range(2):
        opened = Catalogue.open(str(store))
        assert kept_of(opened, keep) == expected
        compact(opened)
    assert len(Catalogue.open(str(store)).entries) == 1
    assert verify(Objects.open(str(store)), deep=True).findings == ()


def kept_of(store: Catalogue, columns: CorpusColumns) -> dict[str, list[object]]:
    """Id → kept values."""
    rows = store.documents(["doc_id", *columns.keep]).to_pylist()
    return {row.pop("doc_id"): list(row.values()) for row in rows}


def test_pairs_and_single_texts_go_into_one_store(tmp_path: Path) -> None:
    rows = [{"doc_id": "pair", "text": "a b", "pair": "c"}, {"doc_id": "single", "text": "a b", "pair": None}]
    columns = CorpusColumns(pair="pair")
    run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", rows), columns=columns)
    lengths = dict(
        zip(
            *(Catalogue.open(str(tmp_path / "store")).documents()[c].to_pylist() for c in ("doc_id", "n_tokens")),
            strict=True,
        )
    )
    assert lengths == {"pair": 6, "single": 4}


def test_long_texts_are_truncated_counted_and_flagged(tmp_path: Path) -> None:
    rows = [{"doc_id": "long", "text": "a " * 100}, {"doc_id": "short", "text": "a"}]
    report = run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", rows), max_length=16)
    assert report.document["truncated"] == 1
    table = Catalogue.open(str(tmp_path / "store")).documents()
    assert table.select(["doc_id", "n_tokens", "truncated"]).to_pylist() == [
        {"doc_id": "long", "n_tokens": 16, "truncated": True},
        {"doc_id": "short", "n_tokens": 3, "truncated": False},
    ]


@pytest.mark.parametrize(("asked", "side"), [({}, "left"), ({"truncation_side": "right"}, "right")])
def test_the_side_that_is_cut_is_the_tokenizer_s_own_unless_one_is_asked_for(
    tmp_path: Path, asked: dict[str, str], side: str
) -> None:
    encoder = tiny_bert(tmp_path / "encoder")
    edit_json(encoder / "tokenizer_config.json", truncation_side="left")
    corpus = write_corpus(tmp_path / "a.parquet", texts(3))
    run_encode(tmp_path / "store", corpus, encoder=str(encoder), quantizer="float16", **asked)
    assert Catalogue.open(str(tmp_path / "store")).spec.text == TextSpec(64, side)


def test_a_store_lends_its_calibration(tmp_path: Path) -> None:
    lender = run_encode(tmp_path / "lender", write_corpus(tmp_path / "a.parquet", texts(30)), quantizer="uint8")
    other = write_corpus(tmp_path / "b.parquet", texts(30, start=100, word="film"))
    own = run_encode(tmp_path / "own", other, quantizer="uint8")
    lent = run_encode(tmp_path / "lent", other, quantizer="uint8", like=str(tmp_path / "lender"))
    assert lent.document["fingerprint"] == lender.document["fingerprint"] != own.document["fingerprint"]


def test_a_lender_of_other_features_is_refused_and_no_store_is_made(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(5))
    run_encode(tmp_path / "lender", corpus, quantizer="float16")
    with pytest.raises(SpecMismatch, match="the store to be like"):
        run_encode(tmp_path / "store", corpus, quantizer="uint8", like=str(tmp_path / "lender"))
    with pytest.raises(UsageError, match="no such directory"):
        run_encode(tmp_path / "store", corpus, quantizer="uint8", like=str(tmp_path / "nobody"))
    assert not (tmp_path / "store").exists()


def test_the_report_is_kept_in_the_store_and_counts_what_happened(tmp_path: Path) -> None:
    report = run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", texts(25)), unit_rows=10)
    kept = json.loads((tmp_path / "store" / "runs" / report.document["run"] / "report.json").read_text())
    assert kept == json.loads(report.to_json())
    store = Catalogue.open(str(tmp_path / "store"))
    assert kept["tokens"] == sum(store.documents()["n_tokens"].to_pylist())
    assert kept["bytes"]["payload"] == kept["tokens"] * 32 // 8
    assert kept["units"] == {"planned": 3, "failed": 0}
    assert set(kept["seconds"]) == {"read", "tokenize", "forward", "quantize", "write"}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"quantizer": "uint7"}, "uint7"),
        ({"layers": "mean:9"}, "3 layers"),
        ({"positions": "last"}, "tokens, cls, mean"),
        ({"codec": "gzip"}, "none, zstd, blosc"),
        ({"max_length": 1000}, "64"),
        ({"columns": CorpusColumns(text="body")}, "columns there: doc_id, text"),
        ({"unit_rows": 0}, "unit rows 0"),
    ],
)
def test_an_impossible_request_makes_no_store(tmp_path: Path, request_: dict[str, object], message: str) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(5))
    with pytest.raises(UsageError, match=message):
        run_encode(tmp_path / "store", corpus, **request_)
    assert not (tmp_path / "store").exists()


def test_a_store_of_other_features_is_refused_with_the_fields_side_by_side(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(5))
    run_encode(tmp_path / "store", corpus)
    with pytest.raises(SpecMismatch, match=r"quantizer +sign +\| +float16") as refusal:
        run_encode(tmp_path / "store", corpus, quantizer="float16", layers="last")
    assert set(refusal.value.differences) == {"layers", "quantizer"}


def test_an_asked_for_gpu_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    corpus = write_corpus(tmp_path / "a.parquet", texts(5))
    with pytest.raises(UsageError, match="cuda"):
        run_encode(tmp_path / "store", corpus, device="cuda")


def test_processes_that_may_hang_are_refused(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(5))
    with pytest.raises(UsageError, match="multi_processing"):
        run_encode(tmp_path / "store", corpus, options=("--direct_running_mode=multi_processing",))


def test_an_empty_corpus_makes_an_empty_store(tmp_path: Path) -> None:
    schema = pa.schema([("doc_id", pa.string()), ("text", pa.string())])
    report = run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", [], schema))
    assert report.exit_code == 0
    assert len(Catalogue.open(str(tmp_path / "store"))) == 0


def test_a_run_over_its_limit_prunes_nothing_and_says_so(tmp_path: Path) -> None:
    run_encode(tmp_path / "store", write_corpus(tmp_path / "a.parquet", texts(20)))
    smaller = write_corpus(tmp_path / "a.parquet", [*texts(15), {"doc_id": "empty", "text": ""}])
    report = run_encode(tmp_path / "store", smaller, prune=True, limit=DeadLetterLimit.parse("0"))
    assert (report.exit_code, report.document["pruned"], report.document["committed"]) == (1, 0, False)
    assert len(Catalogue.open(str(tmp_path / "store"))) == 20


def test_calibration_merges_what_every_part_of_the_sample_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(60))
    for quantizer in ("uint8:per-dimension", "uint8:histogram"):
        whole = run_encode(tmp_path / f"whole-{quantizer}", corpus, quantizer=quantizer)
        with monkeypatch.context() as patch:
            patch.setattr(job, "PART_DOCUMENTS", 60)
            one_part = run_encode(tmp_path / f"one-{quantizer}", corpus, quantizer=quantizer)
            patch.setattr(job, "PART_DOCUMENTS", 7)
            parts = run_encode(tmp_path / f"parts-{quantizer}", corpus, quantizer=quantizer)
        scales = [report.document["spec"]["quantizer"]["scale"] for report in (whole, one_part, parts)]
        np.testing.assert_allclose(scales[1], scales[0])
        # Other batches round the last bit otherwise.
        np.testing.assert_allclose(scales[2], scales[0], rtol=1e-4)


def test_a_unit_that_the_runner_lost_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(20))
    keep = RunFolder.put_outcome

    def lose_one(self: RunFolder, unit: int, outcome: Mapping[str, object]) -> None:
        if unit != 1:
            keep(self, unit, outcome)

    monkeypatch.setattr(RunFolder, "put_outcome", lose_one)
    report = run_encode(tmp_path / "store", corpus, unit_rows=10)
    assert report.exit_code == 1
    assert set(report.document["failures"]) == {"1"}
    assert len(Catalogue.open(str(tmp_path / "store"))) == 10


def test_a_file_that_cannot_be_read_costs_no_other_and_is_named(tmp_path: Path) -> None:
    rows = [json.dumps(row).encode() + b"\n" for row in texts(30)]
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(b"".join(rows[:10]))
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(b"".join(rows[10:20]))[:-9])
    (folder / "c.jsonl").write_bytes(b"".join(rows[20:]))
    report = run_encode(tmp_path / "store", str(folder))
    unread = report.document["corpus"]["unread"]
    assert (report.exit_code, report.document["corpus"]["files"], report.document["corpus"]["damaged"]) == (1, 2, 1)
    assert [(Path(it["file"]).name, "cut short" in it["reason"]) for it in unread] == [("b.jsonl.gz", True)]
    assert len(Catalogue.open(str(tmp_path / "store"))) == 20
    (folder / "a.jsonl").write_bytes(b"".join(rows[:9]))
    report = run_encode(tmp_path / "store", str(folder), prune=True, prune_limit=PruneLimit.parse("1.0"))
    assert (report.exit_code, report.document["pruned"], report.document["pruning"]["withheld"]) == (1, 0, True)
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(b"".join(rows[10:20])))
    report = run_encode(tmp_path / "store", str(folder), prune=True, prune_limit=PruneLimit.parse("1.0"))
    assert (report.exit_code, report.document["pruned"], documents(report)["encoded"]) == (0, 1, 10)


def test_a_corpus_of_which_nothing_can_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"{}")[:-9])
    with pytest.raises(DataError, match=r"a.jsonl.gz: .* cut short"):
        run_encode(tmp_path / "store", str(tmp_path / "a.jsonl.gz"))
    assert not (tmp_path / "store").exists()
