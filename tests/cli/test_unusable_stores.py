"""Every command that takes a store says in a line or two why it cannot use one, and changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import encore.featurestore.storage.objects
from encore.cli.main import run
from encore.featurestore import Catalogue
from encore.featurestore.format import seal
from encore.featurestore.history.tags import add_tag
from encore.heads import Labels, TrainSettings
from encore.heads.training.store import TrainRequest, train_from_store
from encore.pipelines.backfill.job import BackfillRequest, backfill
from tests.cli.loading import load_commands
from tests.pipelines.jobs import ONE_WORKER, encoder, run_encode, texts, write_corpus
from tests.s3 import REGION, UNWANTED

COUNT = 24


@dataclass(frozen=True)
class Site:
    """What commands need beside a store, and a good store.

    Attributes:
        folder: where it all lies.
    """

    folder: Path

    @property
    def store(self) -> str:
        return str(self.folder / "store")

    @property
    def predictions(self) -> str:
        return str(self.folder / "predictions")

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def readers(self, store: str) -> dict[str, list[str]]:
        """Every command that uses a store which is there → its words."""
        return {
            "inspect": ["inspect", "--store", store],
            "documents": ["documents", "--store", store],
            "snapshots": ["snapshots", "--store", store],
            "runs": ["runs", "--store", store],
            "tag": ["tag", "good", "--store", store],
            "delete": ["delete", "--store", store, "d1"],
            "delete --block": ["delete", "--store", store, "d1", "--block"],
            "verify": ["verify", "--store", store],
            "compact": ["compact", "--store", store],
            "repair": ["repair", "--store", store],
            "copy": ["copy", "--store", store, "--to", self.path("new")],
            "vacuum": ["vacuum", "--store", store],
            "vacuum --forget": ["vacuum", "--store", store, "--forget"],
            "train": ["train", self.path("train.parquet"), "--store", store, "--out", self.path("new-head")],
            "backfill": ["backfill", "--store", store, "--head", self.path("head"), "--out", self.path("new")],
            "export": ["export", self.predictions, "--store", store, "--out", self.path("new.parquet")],
            "derive --from": ["derive", "--from", store, "--store", self.path("new")],
            "tradeoff": [
                "tradeoff",
                "--store",
                store,
                "--labels",
                f"t={self.path('train.parquet')}:{self.path('dev.parquet')}",
                "--out",
                self.path("new"),
            ],
            "encode --like": [*self.encode(self.path("new")), "--like", store],
        }

    def makers(self, store: str) -> dict[str, list[str]]:
        """Every command that makes a store where there is none → its words."""
        return {
            "encode": self.encode(store),
            "derive": ["derive", "--from", self.store, "--store", store, "--quantizer", "sign"],
        }

    def encode(self, store: str) -> list[str]:
        corpus = self.path("more.parquet")
        spec = ["--encoder", encoder(), "--layers", "mean:2", "--quantizer", "float16"]
        return ["encode", corpus, "--store", store, "--device", "cpu", *spec]

    def words(self, command: str, store: str) -> list[str]:
        return (self.readers(store) | self.makers(store))[command]


READERS = tuple(Site(Path()).readers("x"))
MAKERS = tuple(Site(Path()).makers("x"))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A store with a snapshot, a tag, a head and predictions."""
    site = Site(tmp_path_factory.mktemp("site"))
    write_corpus(site.folder / "more.parquet", texts(COUNT + 4))
    labels = pa.table({"doc_id": [f"d{i}" for i in range(COUNT)], "label": ["even", "odd"] * (COUNT // 2)})
    pq.write_table(labels[:16], site.path("train.parquet"))
    pq.write_table(labels[16:], site.path("dev.parquet"))
    run_encode(
        site.store, write_corpus(site.folder / "corpus.parquet", texts(COUNT)), layers="mean:2", quantizer="float16"
    )
    store = Catalogue.open(site.store)
    add_tag(store.objects, "good", 1)
    request = TrainRequest(
        "t", Labels.from_table(labels, "doc_id", "label", "test"), dev_share=0, settings=TrainSettings(epochs=1)
    )
    train_from_store(store, request).head.save(site.path("head"))
    backfill(BackfillRequest(site.store, (site.path("head"),), site.predictions), beam_options=ONE_WORKER)
    return site


@pytest.fixture
def site(good: Site, tmp_path: Path) -> Site:
    """A copy, to be damaged."""
    shutil.copytree(good.folder, tmp_path / "site")
    return Site(tmp_path / "site")


def tree(folder: Path) -> dict[str, bytes | None]:
    """Path → bytes of each file, None for a folder."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def refused(site: Site, words: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """See that the command ends with this code, one or two lines that say this, and nothing changed."""
    before = tree(site.folder)
    capsys.readouterr()
    assert run(words) == code
    printed = capsys.readouterr()
    assert says in printed.err
    assert len(printed.err.splitlines()) <= 2
    assert printed.err.startswith("encore: ")
    assert tree(site.folder) == before


def test_every_command_that_takes_a_store_is_here() -> None:
    takes = {
        name
        for name, command in load_commands().items()
        if any({"--store", "--from", "--like"} & set(option.opts) for option in command.params)
    }
    assert takes == {name.split()[0] for name in (*READERS, *MAKERS)}


@pytest.mark.parametrize("command", READERS)
def test_a_store_that_is_not_there(site: Site, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = site.path("nowhere")
    refused(site, site.words(command, nowhere), 2, f"{nowhere}: no such directory; correct the path", capsys)


@pytest.mark.parametrize("command", READERS)
def test_a_folder_that_is_no_store(site: Site, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = site.path("head")
    refused(site, site.words(command, folder), 2, f"{folder}: no store here", capsys)


@pytest.mark.parametrize("command", [*READERS, *MAKERS])
def test_a_file_in_place_of_a_store(site: Site, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = site.path("train.parquet")
    refused(site, site.words(command, file), 2, f"{file}: is a file, expected a directory", capsys)


@pytest.mark.parametrize("command", [*READERS, *MAKERS])
def test_a_store_of_a_newer_format(site: Site, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_newer(site.folder / "store/store.json")
    says = "store/store.json: format version 2; this release reads version 1: upgrade Encore"
    refused(site, site.words(command, site.store), 1, says, capsys)


class TestNewerObjects:
    """Objects of a newer format in a store that an older Encore made."""

    @pytest.mark.parametrize("command", [*READERS, *MAKERS])
    def test_a_manifest(self, site: Site, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        make_newer(site.folder / "store/manifests/00000000000000000001.json")
        if command == "verify":
            assert run(site.words(command, site.store)) == 1
            assert "upgrade Encore" in capsys.readouterr().out
            return
        if command == "encode --like":
            pytest.skip("takes the calibration from store.json alone")
        says = "00000001.json: format version 2; this release reads version 1: upgrade Encore"
        # A job has written its segments by the time that it commits; a rerun by a newer Encore finds them.
        refused(site, site.words(command, site.store), 1, says, capsys)

    @pytest.mark.parametrize("command", ["inspect", "documents", "train", "backfill"])
    def test_a_tag(self, site: Site, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        make_newer(site.folder / "store/tags/good.json")
        says = "tags/good.json: format version 2; this release reads version 1: upgrade Encore"
        refused(site, [*site.words(command, site.store), "--snapshot", "good"], 1, says, capsys)

    def test_a_tag_stops_a_vacuum(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        make_newer(site.folder / "store/tags/good.json")
        for command in ("vacuum", "vacuum --forget"):
            refused(site, site.words(command, site.store), 1, "good.json: format version 2", capsys)

    def test_predictions(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        make_newer(site.folder / "predictions/predictions.json")
        words = ["backfill", "--store", site.store, "--head", site.path("head"), "--out", site.predictions]
        says = "predictions.json: format version 2; this release reads version 1: upgrade Encore"
        refused(site, words, 1, says, capsys)

    def test_a_head(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        make_newer(site.folder / "head/head.json")
        says = "head.json: format version 2; this release reads version 1"
        refused(site, site.words("backfill", site.store), 1, says, capsys)


def make_newer(path: Path) -> None:
    text = path.read_text()
    assert '"format_version": 1' in text
    document = json.loads(text) | {"format_version": 2}
    # Sealed, as every format is: else it is damage, and no newer one.
    sealed = document.pop("checksum", None) is not None
    path.write_bytes(seal(document) if sealed else json.dumps(document, indent=1).encode())


@contextmanager
def answering(status: int, code: str) -> Iterator[tuple[str, list[str]]]:
    """A server that gives one answer to everything: its URL, and the requests that it has had."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            requests.append(f"{self.command} {self.path}")
            body = b"" if self.command == "HEAD" else f"<Error><Code>{code}</Code></Error>".encode()
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815 (the names that the base class looks for)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", requests
        finally:
            server.shutdown()


class TestBuckets:
    """A bucket that refuses, at an endpoint which the environment names."""

    URI = "s3://bucket-of-others/store"

    @pytest.fixture(autouse=True)
    def credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in (*UNWANTED, "AWS_ENDPOINT"):
            monkeypatch.delenv(name, raising=False)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("AWS_REGION", REGION)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")

    @pytest.mark.parametrize("command", [*READERS, *MAKERS])
    def test_without_permission(
        self, site: Site, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with answering(403, "AccessDenied") as (endpoint, requests):
            monkeypatch.setenv("AWS_ENDPOINT", endpoint)
            refused(site, site.words(command, self.URI), 1, f"{self.URI}/", capsys)
            refused(site, site.words(command, self.URI), 1, "storage refused: not allowed (403", capsys)
        # A no is final: nothing is asked again and again.
        assert len(requests) <= 4

    @pytest.mark.parametrize(
        ("status", "code", "exit_code", "says"),
        [
            (404, "NoSuchBucket", 2, "no such bucket or container; correct the URI, or make it"),
            (301, "PermanentRedirect", 1, "the bucket is in another region; set AWS_REGION to that one"),
            (401, "Unauthorized", 1, "not allowed (401 Unauthorized); see that the environment holds credentials"),
        ],
    )
    def test_that_is_not_there_or_elsewhere(
        self,
        site: Site,
        status: int,
        code: str,
        exit_code: int,
        says: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        with answering(status, code) as (endpoint, _):
            monkeypatch.setenv("AWS_ENDPOINT", endpoint)
            refused(site, ["inspect", "--store", self.URI], exit_code, says, capsys)

    def test_that_does_not_answer(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with answering(200, "") as (endpoint, _):
            pass
        monkeypatch.setattr(encore.featurestore.storage.objects, "PATIENCE", timedelta(milliseconds=100))
        monkeypatch.setenv("AWS_ENDPOINT", endpoint)
        refused(site, ["inspect", "--store", self.URI], 1, f"no answer from {endpoint}; see that it is right", capsys)

    def test_of_an_endpoint_without_encryption_that_nobody_allowed(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with answering(200, "") as (endpoint, requests):
            monkeypatch.setenv("AWS_ENDPOINT", endpoint)
            monkeypatch.delenv("AWS_ALLOW_HTTP")
            refused(site, ["inspect", "--store", self.URI], 1, "needs AWS_ALLOW_HTTP=true", capsys)
        assert requests == []


DRIVER = """
import contextlib, hashlib, io, json, sys
from pathlib import Path
from encore.cli.main import run

def tree(folder):
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(Path(folder).rglob('*')) if p.is_file()}

store, commands = sys.argv[1], json.loads(sys.argv[2])
answers = {}
for name, words in commands.items():
    before, errors = tree(store), io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        code = run(words)
    answers[name] = [code, errors.getvalue(), tree(store) == before]
print(json.dumps(answers))
"""


def on_a_disk(site: Site, mounting: str, commands: dict[str, list[str]]) -> dict[str, tuple[int, str, bool]]:
    """Command → its exit code, what it said, and whether the store is as it was, on a disk that a script mounts.

    The mount is seen by the commands alone, and goes with them.
    """
    alone = ["unshare", "--map-root-user", "--mount"]
    script = ["sh", "-c", f'set -e; {mounting}; exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*alone, *script, "true"], check=False).returncode:
        pytest.skip("mounting takes Linux, and a kernel that lets this user do it")
    words = [*alone, *script, sys.executable, "-c", DRIVER, site.store, json.dumps(commands)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name: tuple(answer) for name, answer in json.loads(done.stdout.splitlines()[-1]).items()}


def writers(site: Site, *names: str) -> dict[str, list[str]]:
    words = {name: site.words(name, site.store) for name in ("delete", "delete --block", *names)}
    return words | {"tag": ["tag", "new", "--store", site.store]}


def test_a_disk_that_is_read_only(site: Site) -> None:
    mounting = f"mount --bind {site.store} {site.store}; mount -o remount,ro,bind {site.store}"
    readers = {name: site.words(name, site.store) for name in ("inspect", "documents", "verify", "compact")}
    answers = on_a_disk(site, mounting, writers(site, "encode", "vacuum --forget") | readers)
    for name, (code, said, same) in answers.items():
        assert same, name
        if name in readers:
            assert (code, said) == (0, ""), name
        else:
            assert code == 1, name
            assert "Read-only file system; see who may read and write there" in said, name
            assert len(said.splitlines()) <= 2, name


def test_a_disk_that_is_full(site: Site) -> None:
    """What a job wrote before the disk was full is no part of the store. The store reads and verifies as before."""
    copy = f"cp -r {site.store} {site.path('aside')}"
    fill = f"cp -r {site.path('aside')}/. {site.store}; dd if=/dev/zero of={site.store}/full bs=1k 2>/dev/null || true"
    mounting = f"{copy}; mount -t tmpfs -o size=256k tmpfs {site.store}; {fill}"
    readers = {name: site.words(name, site.store) for name in ("inspect", "documents", "verify")}
    answers = on_a_disk(site, mounting, writers(site) | readers)
    for name, (code, said, same) in answers.items():
        assert same, name
        assert code == (0 if name in readers else 1), name
        if name not in readers:
            assert "No space left on device; make room, and run the command again" in said, name
            assert len(said.splitlines()) <= 2, name
