from __future__ import annotations

from pathlib import Path

import pytest

from encore.experiments.bench.task_registry import PAPER, load_tasks
from encore.featurestore import UsageError
from encore.featurestore.storage.objects import Objects

ONE = '[tasks.tone]\ngroup = "SA"\ntrain = "a.parquet"\ndev = "b.parquet"\n'


def written(folder: Path, text: str) -> str:
    path = folder / "tasks.toml"
    path.write_text(text)
    return str(path)


def test_paths_start_from_the_registrys_own_folder_unless_a_folder_is_given(tmp_path: Path) -> None:
    source = written(tmp_path, ONE)
    assert load_tasks(source).tasks[0].train == str(tmp_path / "a.parquet")
    assert load_tasks(source, "/elsewhere").tasks[0].dev == "/elsewhere/b.parquet"


def test_absolute_paths_and_urls_stay_as_they_are(tmp_path: Path) -> None:
    text = ONE.replace('"a.parquet"', '"/data/a.parquet"').replace('"b.parquet"', '"s3://bucket/b.parquet"')
    task = load_tasks(written(tmp_path, text), "/elsewhere").tasks[0]
    assert (task.train, task.dev) == ("/data/a.parquet", "s3://bucket/b.parquet")


def test_columns_and_title_have_defaults_and_can_be_named(tmp_path: Path) -> None:
    more = 'title = "Tone"\nid_column = "key"\ntext_column = "body"\npair_column = "reply"\nlabel_column = "mood"\n'
    plain, named = load_tasks(written(tmp_path, ONE)).tasks[0], load_tasks(written(tmp_path, ONE + more)).tasks[0]
    assert (plain.title, plain.id_column, plain.text_column, plain.pair_column, plain.label_column) == (
        "tone",
        "doc_id",
        "text",
        None,
        "label",
    )
    assert (named.title, named.id_column, named.text_column, named.pair_column, named.label_column) == (
        "Tone",
        "key",
        "body",
        "reply",
        "mood",
    )


def test_the_papers_registry_has_its_14_tasks_in_five_groups_in_the_order_of_table_5() -> None:
    registry = load_tasks(PAPER, "/data")
    assert [task.title for task in registry.tasks] == (
        ["MNLI", "QNLI", "QQP", "RTE", "SST2", "MRPC", "CoLA", "IMDB", "AG", "Amzn5", "Amzn2", "Yelp5", "Yelp2", "DBpd"]
    )
    sizes = {group: len(registry.of_groups([group]).tasks) for group in registry.groups}
    assert sizes == {"NLI": 3, "PP": 2, "SA": 6, "LA": 1, "DOC": 2}
    pairs = {task.name for task in registry.tasks if task.pair_column is not None}
    assert pairs == {"mnli", "qnli", "rte", "qqp", "mrpc"}


def test_the_papers_data_is_found_by_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCORE_DATA", "/by/variable")
    assert load_tasks(PAPER).tasks[0].train == "/by/variable/tasks/mnli/train.parquet"
    monkeypatch.delenv("ENCORE_DATA")
    with pytest.raises(UsageError, match=r"Give --data DIR or set ENCORE_DATA"):
        load_tasks(PAPER)


def test_tasks_are_chosen_and_left_out_by_name_and_by_group(tmp_path: Path) -> None:
    text = ONE + ONE.replace("tone", "topic").replace("SA", "DOC")
    registry = load_tasks(written(tmp_path, text))
    assert registry.only(["topic"]).names == ("topic",)
    assert registry.only([]).names == ("tone", "topic")
    assert (
        registry.only("topic").names == registry.without("tone").names == registry.of_groups("DOC").names == ("topic",)
    )
    assert registry.without(["tone"]).names == ("topic",)
    assert registry.of_groups(["SA"]).names == ("tone",)
    with pytest.raises(UsageError, match="no task sound; there are tone, topic"):
        registry.only(["sound"])
    with pytest.raises(UsageError, match="no group LA; there are SA, DOC"):
        registry.of_groups(["LA"])
    with pytest.raises(UsageError, match="without tone, topic no task is left"):
        registry.without(["tone", "topic"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tasks", "is no TOML"),
        ("", r"expected tables \[tasks.NAME\]"),
        ("[other]\na = 1\n", r"expected tables \[tasks.NAME\]"),
        ("[tasks]\n", "at least one"),
        (ONE.replace("dev =", "test ="), "task tone: unknown key test"),
        (ONE.replace('group = "SA"\n', ""), "task tone: no group"),
        (ONE.replace('"SA"', "3"), "expected text for each of"),
        (ONE.replace('"SA"', '""'), "expected text for each of"),
        (ONE.replace("b.parquet", "a.parquet"), "train and dev are the same file"),
        (ONE.replace("tasks.tone", 'tasks."../tone"'), "task"),
    ],
)
def test_a_registry_that_does_not_say_what_it_must_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_tasks(written(tmp_path, text))


def test_a_missing_registry_is_named() -> None:
    with pytest.raises(UsageError, match=r"tasks 'nowhere.toml': no such file"):
        load_tasks("nowhere.toml")


def test_relative_paths_start_from_a_folder_in_object_storage_too(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(ONE)
    (task,) = load_tasks(str(tmp_path / "t.toml"), "s3a://bucket/a%20b#/").tasks
    assert (task.train, task.dev) == ("s3://bucket/a%20b#/a.parquet", "s3://bucket/a%20b#/b.parquet")


def test_a_registry_in_object_storage_names_what_lies_beside_it(s3_bucket: str) -> None:
    Objects.open(s3_bucket).put("tasks#1/t.toml", ONE.replace('"b.parquet"', '"file:///b.parquet"').encode())
    (task,) = load_tasks(f"{s3_bucket}/tasks#1/t.toml").tasks
    assert (task.train, task.dev) == (f"{s3_bucket}/tasks#1/a.parquet", "/b.parquet")
