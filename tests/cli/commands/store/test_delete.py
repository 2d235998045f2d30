"""`encore delete`, `encore snapshots` and `encore tag` on a small store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.cli.main import run
from encore.featurestore import Catalogue
from encore.featurestore.history.block_list import blocked
from tests.featurestore.building import held, put, spec_of

TEXTS = {f"doc-{i}": f"text {i}" for i in range(6)}


@pytest.fixture
def store(tmp_path: Path) -> str:
    return put(Catalogue.create(str(tmp_path / "store"), spec_of()), TEXTS).uri


def answer(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert run([*words, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def stored(store: str) -> set[str]:
    return set(held(Catalogue.open(store)))


def refused(words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with this code and one or two lines that say this."""
    capsys.readouterr()
    assert run(words) == code
    errors = capsys.readouterr().err
    assert message in " ".join(errors.split())
    assert len(errors.splitlines()) <= 2
    assert "Traceback" not in errors


def folder(store: str) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(store).rglob("*") if path.is_file()}


class TestDelete:
    def test_ids_are_deleted_and_those_not_stored_are_listed(
        self, store: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["delete", "--store", store, "doc-1", "none", "doc-2", "doc-1"]) == 0
        lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
        assert lines[0] == ["store", f"{store} at snapshot 2"]
        assert lines[1] == ["deleted", "2"]
        assert lines[2] == ["not", "stored  1: none"]
        assert stored(store) == set(TEXTS) - {"doc-1", "doc-2"}

    def test_as_json(self, store: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert answer(["delete", "--store", store, "doc-1", "none", "--block"], capsys) == {
            "store": store,
            "snapshot": 2,
            "deleted": 1,
            "not_stored": 1,
            "not_stored_ids": ["none"],
            "blocked": 2,
        }
        assert blocked(Catalogue.open(store).objects).mask(["doc-1", "none", "doc-2"]).tolist() == [True, True, False]

    @pytest.mark.parametrize("ending", ["txt", "csv", "jsonl", "parquet"])
    def test_ids_come_from_a_file(
        self, store: str, tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / f"ids.{ending}"
        if ending == "txt":
            path.write_bytes(b"\xef\xbb\xbfdoc-1\r\n\r\ndoc-3\n 7\n")
        elif ending == "csv":
            path.write_text("doc_id,why\ndoc-1,asked\ndoc-3,\n,\n007,\n")
        elif ending == "jsonl":
            path.write_text('{"doc_id": "doc-1"}\n{"doc_id": "doc-3"}\n{"doc_id": null}\n{"doc_id": "007"}\n')
        else:
            pq.write_table(pa.table({"doc_id": pa.array(["doc-1", None, "doc-3", "007"])}), path)
        found = answer(["delete", "--store", store, "--ids-file", str(path), "doc-5"], capsys)
        assert (found["deleted"], found["not_stored_ids"]) == (3, [" 7" if ending == "txt" else "007"])
        assert stored(store) == {"doc-0", "doc-2", "doc-4"}

    def test_ids_may_be_numbers_in_another_column(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        store = put(Catalogue.create(str(tmp_path / "store"), spec_of()), {"7": "x", "8": "y"}).uri
        pq.write_table(pa.table({"key": [7, 9]}), tmp_path / "ids.parquet")
        words = ["delete", "--store", store, "--ids-file", str(tmp_path / "ids.parquet"), "--id-column", "key"]
        assert answer(words, capsys)["deleted"] == 1
        assert stored(store) == {"8"}

    def test_strict_changes_nothing_and_exits_1(self, store: str, capsys: pytest.CaptureFixture[str]) -> None:
        before = folder(store)
        words = ["delete", "--store", store, "--strict", "--block", "doc-1"]
        refused([*words, "none"], 1, "1 of 2 ids are not stored, for example none; nothing was changed", capsys)
        assert folder(store) == before
        assert run(words) == 0

    def test_wrong_usage_exits_2_and_changes_nothing(
        self, store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = folder(store)
        (tmp_path / "ids.csv").write_text("id\ndoc-1\n")
        (tmp_path / "ids.txt").write_bytes(b"doc-1\n\xff\n")
        (tmp_path / "empty").mkdir()
        words = ["delete", "--store", store]
        refused(words, 2, "nothing to delete: name ids, or a file", capsys)
        refused([*words, ""], 2, "an id is empty, and no document has an empty id; leave it out", capsys)
        for name, message in [
            ("ids.csv", "ids.csv: no column doc_id; columns there: id"),
            ("ids.txt", "ids.txt: is not UTF-8 text: invalid start byte at byte 6"),
            ("ids.doc", "ids.doc: unknown ending; files of ids end in .txt, .parquet"),
            ("none.txt", "none.txt: no such file"),
        ]:
            refused([*words, "--ids-file", str(tmp_path / name)], 2, message, capsys)
        refused(["delete", "--store", str(tmp_path / "nowhere"), "a"], 2, "no such directory", capsys)
        refused(["delete", "--store", str(tmp_path / "empty"), "a"], 2, "no store here", capsys)
        assert folder(store) == before

    def test_an_empty_file_of_ids_deletes_nothing(
        self, store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "ids.txt").write_text("")
        found = answer(["delete", "--store", store, "--ids-file", str(tmp_path / "ids.txt"), "--block"], capsys)
        assert (found["deleted"], found["not_stored"], found["snapshot"]) == (0, 0, 1)


class TestSnapshotsAndTags:
    def test_snapshots_are_listed_with_their_tags(self, store: str, capsys: pytest.CaptureFixture[str]) -> None:
        put(Catalogue.open(store), {"more": "x"})
        assert run(["delete", "--store", store, "doc-1", "doc-2"]) == 0
        for words in (["first", "--snapshot", "1"], ["start", "--snapshot", "first"], ["newest"]):
            assert run(["tag", *words, "--store", store]) == 0
        found = answer(["snapshots", "--store", store], capsys)
        columns = ("snapshot", "operation", "documents", "segments", "tags")
        assert found["store"] == store
        assert [tuple(row[name] for name in columns) for row in found["snapshots"]] == [
            (1, "encode", 6, 1, ["first", "start"]),
            (2, "encode", 7, 2, []),
            (3, "delete", 5, 2, ["newest"]),
        ]
        assert found["snapshots"][2]["committed_at"] == Catalogue.open(store).manifest.committed_at
        assert run(["snapshots", "--store", store]) == 0
        table = capsys.readouterr().out
        assert next(line.split()[:3] for line in table.splitlines() if "encode" in line) == ["1", "first,", "start"]
        assert "delete" in table

    def test_an_empty_store_has_no_snapshots(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        store = Catalogue.create(str(tmp_path / "store"), spec_of()).uri
        assert answer(["snapshots", "--store", store], capsys)["snapshots"] == []
        refused(["tag", "v1", "--store", store], 2, "holds no snapshot yet", capsys)

    def test_commands_take_a_tag_for_a_snapshot(self, store: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["tag", "before", "--store", store]) == 0
        assert f"{store}: tag before is snapshot 1" in capsys.readouterr().out
        assert run(["delete", "--store", store, "doc-1"]) == 0
        counts = {
            given: answer(["inspect", "--store", store, "--snapshot", given], capsys)["counts"]["documents"]
            for given in ("before", "1", "2")
        }
        assert counts == {"before": 6, "1": 6, "2": 5}
        refused(["inspect", "--store", store, "--snapshot", "after"], 2, "no tag 'after'; it has before", capsys)
        refused(["inspect", "--store", store, "--snapshot", "9"], 2, "no snapshot 9; the newest is 2", capsys)

    def test_a_tag_is_removed_by_name(self, store: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["tag", "v1", "--store", store]) == 0
        refused(["tag", "v1", "--store", store, "--remove", "--snapshot", "1"], 2, "takes no --snapshot", capsys)
        assert run(["tag", "v1", "--store", store, "--remove"]) == 0
        refused(["tag", "v1", "--store", store, "--remove"], 2, "no tag 'v1'; it has none", capsys)
        refused(["tag", "7", "--store", store], 2, "is not a number", capsys)
        refused(["tag", "v2", "--store", store, "--snapshot", "4"], 2, "no snapshot 4", capsys)

    def test_a_taken_name_says_how_to_move_it(self, store: str, capsys: pytest.CaptureFixture[str]) -> None:
        put(Catalogue.open(store), {"more": "x"})
        assert run(["tag", "v1", "--store", store, "--snapshot", "1"]) == 0
        refused(["tag", "v1", "--store", store], 2, "tag v1 is at snapshot 1; remove it first", capsys)
