from __future__ import annotations

import json
from pathlib import Path

import pytest

from encore.cli.main import run
from encore.cli.options.byte_sizes import parse_bytes
from encore.featurestore import Catalogue, UsageError
from tests.featurestore.building import put, spec_of


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    store = Catalogue.create(str(tmp_path / "store"), spec_of())
    for i in range(4):
        store = put(store, {f"{i}": f"text {i}"})
    return put(store, {}, prune=frozenset({"2"}))


def test_it_compacts_and_says_what_became_of_the_segments(store: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compact", "--store", store.uri]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("at snapshot 5, now 6")
    assert "segments  4, now 1" in lines
    assert Catalogue.open(store.uri).digest() == store.digest()
    assert run(["compact", "--store", store.uri]) == 0
    assert "nothing to compact" in capsys.readouterr().out


def test_a_dry_run_changes_nothing(store: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compact", "--store", store.uri, "--dry-run"]) == 0
    assert "segments  4, would be 1" in capsys.readouterr().out
    assert Catalogue.open(store.uri).version == 5


def test_it_speaks_json(store: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compact", "--store", store.uri, "--target-bytes", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["replaced"], said["written"], said["deleted"]) == (1, 0, 1)
    assert said["segments"] == {"before": 4, "after": 3}


def test_what_cannot_be_done_is_wrong_usage(
    store: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compact", "--store", str(tmp_path / "nowhere")]) == 2
    assert "no such directory" in capsys.readouterr().err
    assert run(["compact", "--store", store.uri, "--target-bytes", "large"]) == 2
    assert "--target-bytes 'large': expected a size such as 500000, 64MiB or 1GB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "count"), [("500000", 500000), ("64MiB", 64 << 20), ("1.5 kb", 1500), ("2g", 2 << 30), ("7 B", 7)]
)
def test_sizes_are_read_as_they_are_written(text: str, count: int) -> None:
    assert parse_bytes(text, "--size") == count


@pytest.mark.parametrize("text", ["", "0", "-1", "MiB", "1e6", "1 TB x", "0.1"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a size"):
        parse_bytes(text, "--size")
