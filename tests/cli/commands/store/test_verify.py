"""`encore verify` prints what it found, and leaves with an exit code that a schedule can act on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from encore.cli.main import run
from encore.cli.printing.progress import segment_progress
from encore.featurestore import Catalogue
from encore.featurestore.errors import RESTORE
from encore.pipelines.progress import displays
from tests.featurestore.building import put, spec_of


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    first = put(
        Catalogue.create(str(tmp_path / "store"), spec_of("float16")), {f"doc-{i}": f"text {i}" for i in range(6)}
    )
    return put(first, {"doc-7": "more"})


def broken_shard(store: Catalogue) -> str:
    """Delete a shard of the newest segment; return its full name."""
    attempt = store.entries[-1].attempt
    (path,) = (path for path, _ in store.objects.walk() if f"/{attempt}/features/c/" in path)
    store.objects.delete([path])
    return store.objects.name(path)


def test_a_clean_store_is_one_line_and_exit_code_0(store: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "--store", store.uri, "--deep"]) == 0
    shown = capsys.readouterr()
    (line,) = shown.out.splitlines()
    assert line.startswith("clean: 2 snapshots, 2 segments, ")
    assert shown.err == ""
    assert run(["verify", "--store", store.uri]) == 0
    assert capsys.readouterr().out.endswith("; --deep reads the features too\n")


def test_what_is_broken_is_named_with_what_to_do_and_exit_code_1(
    store: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = broken_shard(store)
    assert run(["verify", "--store", store.uri]) == 1
    name, problem, action, summary = capsys.readouterr().out.splitlines()
    assert (name, problem, action) == (
        shard,
        "  missing",
        f"  {RESTORE}",
    )
    assert summary.startswith("1 finding: 2 snapshots, ")


def test_json_says_all_of_it(store: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "--store", store.uri, "--deep", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    paths = dict(store.objects.walk())
    assert found == {
        "store": store.uri,
        "deep": True,
        "snapshots": [1, 2],
        "segments": 2,
        "objects": len(paths),
        "bytes": sum(paths.values()),
        "read_bytes": sum(paths.values()),
        "unreferenced": 0,
        "findings": [],
    }
    shard = broken_shard(store)
    assert run(["verify", "--store", store.uri, "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding == {
        "object": shard,
        "problem": "missing",
        "action": RESTORE,
    }


def test_one_snapshot_may_be_asked_for(store: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    broken_shard(store)
    assert run(["verify", "--store", store.uri, "--snapshot", "1"]) == 0
    assert capsys.readouterr().out.startswith("clean: snapshot 1, 1 segment, ")
    assert run(["verify", "--store", store.uri, "--snapshot", "3"]) == 2
    assert "no snapshot 3; the newest is 2" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["verify", "inspect", "documents"])
def test_what_is_no_store_is_said_in_a_line(tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name, says in [
        ("empty", "no store here (no store.json); encore encode makes one"),
        ("nowhere", "no such directory; correct the path"),
        ("file", "is a file, expected a directory"),
    ]:
        assert run([command, "--store", str(tmp_path / name)]) == 2
        assert capsys.readouterr().err == f"encore: {tmp_path / name}: {says}\n"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty", "file"]


@pytest.mark.parametrize("command", ["verify", "inspect", "documents"])
def test_a_newer_format_is_said_in_a_line(store: Catalogue, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = store.objects.get("store.json").replace(b'"format_version": 1', b'"format_version": 2')
    store.objects.put("store.json", data)
    before = {path: store.objects.get(path) for path, _ in store.objects.walk()}
    assert run([command, "--store", store.uri]) == 1
    says = "format version 2; this release reads version 1: upgrade Encore"
    assert capsys.readouterr().err == f"encore: {store.uri}/store.json: {says}\n"
    assert {path: store.objects.get(path) for path, _ in store.objects.walk()} == before


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look, as after a vacuum, begins anew. A look that ends at once prints nothing."""
    found = []
    for pause in (5.0, 0.0):
        monkeypatch.setattr(displays, "FIRST_PAUSE", pause)
        with segment_progress("verify") as show:
            for done in (1, 1000, 2000, 1, 2000):
                show(done, 2000)
        found.append(capsys.readouterr().err.splitlines())
    whole = "of 2,000 segments"
    first = ["verify: 2,000 segments", f"verify: 1 {whole}", f"verify: 1,000 {whole}", f"verify: 2,000 {whole}"]
    assert found == [[], [*first, first[0], first[1], first[3]]]


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "--help"]) == 0
    assert "Example: encore verify" in " ".join(capsys.readouterr().out.split())
