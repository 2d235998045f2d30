from hashlib import blake2b

import pyarrow as pa
import pyarrow.parquet as pq

from encore.experiments.demo.tasks import PACKAGE_CLASSES, demo_tasks, write_labels


def labels_of(tables):
    return {row["doc_id"]: row["label"] for table in tables for row in table.to_pylist()}


def test_every_document_has_the_kind_that_the_code_says(corpus):
    labels = labels_of(demo_tasks(corpus)["kind"])
    assert labels == dict(zip(corpus["doc_id"].to_pylist(), corpus["kind"].to_pylist(), strict=True))
    assert set(labels.values()) == {"function", "class", "method", "module"}


def test_the_package_task_takes_the_largest_packages(corpus):
    labels = labels_of(demo_tasks(corpus)["package"])
    packages = corpus["package"].to_pylist()
    by_size = sorted(set(packages), key=lambda package: (-packages.count(package), package))
    assert set(labels.values()) == set(by_size[:PACKAGE_CLASSES])
    assert len(labels) == sum(packages.count(package) for package in by_size[:PACKAGE_CLASSES])


def test_a_fifth_is_held_out_and_on_the_same_side_in_both_tasks(corpus):
    tasks = demo_tasks(corpus)
    held_out = {task: set(part["doc_id"].to_pylist()) for task, (_, part) in tasks.items()}
    train = {task: set(part["doc_id"].to_pylist()) for task, (part, _) in tasks.items()}
    assert not (train["kind"] | train["package"]) & (held_out["kind"] | held_out["package"])
    assert 0.18 < len(held_out["kind"]) / corpus.num_rows < 0.22


def test_every_class_is_in_both_parts(corpus):
    for train, held_out in demo_tasks(corpus).values():
        assert set(train["label"].to_pylist()) == set(held_out["label"].to_pylist())


def test_the_side_of_a_document_depends_on_its_id_alone(corpus):
    _, held_out = demo_tasks(corpus)["kind"]
    _, of_the_first_half = demo_tasks(corpus.slice(0, 2000))["kind"]
    expected = set(held_out["doc_id"].to_pylist()) & set(corpus["doc_id"][:2000].to_pylist())
    assert set(of_the_first_half["doc_id"].to_pylist()) == expected


def test_the_side_is_the_remainder_of_the_ids_hash():
    ids = [f"module:name{i}" for i in range(40)]
    _, held_out = demo_tasks(pa.table({"doc_id": ids, "package": ["p"] * 40, "kind": ["class"] * 40}))["kind"]
    digests = {doc_id: blake2b(doc_id.encode(), digest_size=16).digest() for doc_id in ids}
    expected = [doc_id for doc_id, digest in digests.items() if int.from_bytes(digest[:8], "big") % 5 == 0]
    assert held_out["doc_id"].to_pylist() == expected != []


def test_labels_are_written_as_parquet(tmp_path, corpus):
    tasks = demo_tasks(corpus)
    files = write_labels(tasks, tmp_path / "labels")
    assert set(files) == {"package", "kind"}
    for task, (train, held_out) in tasks.items():
        assert pq.read_table(files[task].train).equals(train)
        assert pq.read_table(files[task].held_out).equals(held_out)
