"""Every option that names a place takes a URL, keeps it apart from its neighbours, or refuses it before any work."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from shutil import copytree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.cli.main import run
from encore.featurestore import Catalogue
from encore.featurestore.storage.objects import Objects
from encore.heads import Head
from tests.pipelines.jobs import encoder, texts

ENDINGS = ("", "#test", "?v=1", "%20b", " b", "%2Fb", "[1]")
"""Ends of names that a URL parser would take for something else."""


def put_table(bucket: str, path: str, rows: list[dict[str, object]]) -> str:
    sink = BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    Objects.open(bucket).put(path, sink.getvalue())
    return f"{bucket}/{path}"


def encode_words(corpus: str, store: str, *more: str) -> list[str]:
    return ["encode", corpus, "--store", store, "--encoder", encoder(), "--device", "cpu", "--max-length", "16", *more]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, in which no URL may leave anything."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.mark.usefixtures("work")
def test_stores_whose_names_differ_only_in_a_sign_are_as_many_as_their_names(s3_bucket: str) -> None:
    corpus = put_table(s3_bucket, "texts.parquet", texts(8))
    stores = [f"{s3_bucket}/prod{ending}" for ending in ENDINGS]
    for store in stores:
        assert run(encode_words(corpus, store)) == 0
    for number, store in enumerate(stores[1:], 1):
        assert run(["delete", "--store", store, *(f"d{i}" for i in range(number))]) == 0
    assert [len(Catalogue.open(store)) for store in stores] == [8, 7, 6, 5, 4, 3, 2]
    assert len({Catalogue.open(store).store_id for store in stores}) == len(ENDINGS)
    folders = {path.partition("/")[0] for path, _ in Objects.open(s3_bucket).walk()}
    assert folders == {"texts.parquet", *(f"prod{ending}" for ending in ENDINGS)}


def test_all_that_the_loop_reads_and_writes_may_lie_in_object_storage(
    s3_bucket: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = {"doc_id": "blank", "text": " "}
    corpora, labels = {}, {}
    for number, ending in enumerate(("", "#b")):
        ids = [f"d{i}" for i in range(20)]
        corpora[ending] = put_table(s3_bucket, f"texts{ending}/a%20b#.parquet", [*texts(20, word=f"w{number}"), blank])
        names = [f"even{number}", f"odd{number}"] * 10
        rows = [{"doc_id": id_, "label": name} for id_, name in zip(ids, names, strict=True)]
        labels[ending] = put_table(s3_bucket, f"labels{ending}.parquet?x.parquet", rows)
    for ending, corpus in corpora.items():
        store, head, out = (f"{s3_bucket}/{name}{ending}" for name in ("store", "heads/parity", "predictions"))
        answers = f"{s3_bucket}/answers{ending}.parquet"
        report, dead = f"{s3_bucket}/reports{ending}/encode.json", f"{s3_bucket}/dead{ending}"
        assert run(encode_words(corpus, store, "--report", report, "--dead-letters", dead)) == 0
        assert run(["documents", "--store", store, "--out", f"{s3_bucket}/documents{ending}.csv"]) == 0
        assert run(["train", labels[ending], "--store", store, "--out", head, "--epochs", "1", "--task", "parity"]) == 0
        assert run(["backfill", "--store", store, "--head", head, "--out", out, "--report", f"{report}#2"]) == 0
        assert run(["predict", corpus, "--head", head, "--device", "cpu", "--out", answers]) == 0
        capsys.readouterr()
        found = []
        for predictions in (out, answers):
            assert run(["evaluate", predictions, labels[ending], "--json"]) == 0
            found.append(json.loads(capsys.readouterr().out))
        assert found[0]["accuracy"] == found[1]["accuracy"]
    there = Objects.open(s3_bucket)
    for number, ending in enumerate(("", "#b")):
        assert Head.load(f"{s3_bucket}/heads/parity{ending}").classes == (f"even{number}", f"odd{number}")
        assert json.loads(there.get(f"reports{ending}/encode.json"))["documents"]["encoded"] == 20
        assert json.loads(there.get(f"reports{ending}/encode.json#2"))["heads"]
        assert there.get(f"documents{ending}.csv").count(b"\n") == 21
        assert len(list(there.walk(f"dead{ending}"))) == 1
    assert list(work.iterdir()) == []


def test_a_head_in_object_storage_is_replaced_and_nothing_else_is(
    s3_bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"{s3_bucket}/store"
    assert run(encode_words(put_table(s3_bucket, "texts.parquet", texts(10)), store)) == 0
    rows: list[dict[str, object]] = [{"doc_id": f"d{i}", "label": f"l{i % 2}"} for i in range(10)]
    words = ["train", put_table(s3_bucket, "l.parquet", rows), "--store", store, "--epochs", "1", "--out"]
    assert run([*words, f"{s3_bucket}/heads/first"]) == 0
    first = Head.load(f"{s3_bucket}/heads/first")
    assert run([*words, f"{s3_bucket}/heads/first", "--seed", "1"]) == 0
    assert Head.load(f"{s3_bucket}/heads/first/").digest != first.digest
    assert run([*words, f"{s3_bucket}/store"]) == 2
    assert "which no head has" in capsys.readouterr().err


@pytest.mark.usefixtures("s3_bucket")
@pytest.mark.parametrize(
    "words",
    [
        ["demo"],
        ["multitask", "paper", "--data", "."],
        ["experiment", "frozen", "paper", "--data", "."],
        ["experiment", "all-tasks", "paper", "--data", "."],
        ["experiment", "wsd", "a.parquet", "b.parquet"],
        ["tradeoff", "--store", "store", "--labels", "t=l.parquet"],
    ],
    ids=lambda words: words[0] if words[0] != "experiment" else words[1],
)
@pytest.mark.parametrize("out", ["s3://bucket/out", "dbfs:/out", "s3:/bucket/out"])
def test_folders_that_have_to_be_local_refuse_urls_before_any_work(
    words: list[str], out: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--out", out]) == 2
    error = capsys.readouterr().err
    assert out in error
    assert "Traceback" not in error
    assert list(work.iterdir()) == []


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, labels and a store, to be copied."""
    folder = tmp_path_factory.mktemp("stored")
    pq.write_table(pa.Table.from_pylist(texts(4)), folder / "a.parquet")
    pq.write_table(pa.table({"doc_id": ["d0", "d1"], "label": ["a", "b"]}), folder / "l.parquet")
    assert run(encode_words(str(folder / "a.parquet"), str(folder / "a"))) == 0
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["encode", "a.parquet", "--store", "s", "--report", "URL/x.json"],
        ["encode", "a.parquet", "--store", "s", "--dead-letters", "URL/dead"],
        ["derive", "--from", "a", "--store", "b", "--report", "URL/x.json"],
        ["backfill", "--store", "a", "--head", "h", "--out", "p", "--report", "URL/x.json"],
        ["predict", "a.parquet", "--head", "h", "--out", "URL/x.csv"],
        ["documents", "--store", "a", "--out", "URL/x.parquet"],
        ["train", "l.parquet", "--store", "a", "--out", "URL/head"],
        ["cost", "--plot", "URL/x.png"],
    ],
    ids=lambda words: f"{words[0]} {words[-2]}",
)
def test_outputs_that_cannot_be_written_are_refused_before_any_work(
    words: list[str],
    s3_bucket: str,
    stored: Path,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copytree(stored, work, dirs_exist_ok=True)
    before = sorted(path.name for path in work.iterdir())
    for name in ("encore.featurestore.Catalogue.create", "encore.heads.training.store.train_from_store"):
        monkeypatch.setattr(name, None)
    for url, says in ((f"{s3_bucket}-other", "no such bucket"), ("dbfs:/x", "/dbfs/x"), ("s3:/x", "two slashes")):
        capsys.readouterr()
        assert run([word.replace("URL", url) for word in words]) == 2
        assert says in capsys.readouterr().err
    assert sorted(path.name for path in work.iterdir()) == before


def test_a_picture_goes_to_object_storage(s3_bucket: str) -> None:
    assert run(["cost", "--plot", f"{s3_bucket}/cost#1.png"]) == 0
    assert Objects.open(s3_bucket).get("cost#1.png").startswith(b"\x89PNG")


def test_a_new_store_at_a_file_url(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(texts(4)), tmp_path / "a#b.parquet")
    assert run(encode_words(f"file://{tmp_path}/a#b.parquet", f"file://{tmp_path}/new%20store#1")) == 0
    assert len(Catalogue.open(str(tmp_path / "new%20store#1"))) == 4


@pytest.mark.parametrize("uri", ["dbfs:/x", "hdfs:/x", "file:/x", "hdfs://host/x", "ftp://host/x", "s3:/bucket/x"])
def test_stores_and_corpora_at_unknown_places_are_refused_and_make_no_folder(
    uri: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.Table.from_pylist(texts(4)), work / "a.parquet")
    for words in (encode_words("a.parquet", uri), encode_words(uri, "store"), ["inspect", "--store", uri]):
        assert run(words) == 2
        assert uri in capsys.readouterr().err
    assert [path.name for path in work.iterdir()] == ["a.parquet"]
