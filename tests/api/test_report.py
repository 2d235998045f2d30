"""What a job did, as a mapping that reads well."""

from __future__ import annotations

import json

import pytest

from encore.api.results.report import Report, job_report
from encore.featurestore import JobError

DOCUMENT = {
    "job": "encode",
    "run": "20260101",
    "store": "features",
    "snapshot": {"before": 0, "after": 1},
    "committed": True,
    "documents": {"in": 1200, "encoded": 1199, "skipped": 0, "dead": 1},
    "padding_share": 0.123456,
    "dead_letters": {"count": 1, "limit": "10", "within": True, "reasons": {"validate: blank text": 1}},
    "failures": {},
    "versions": {"torch": "2"},
    "exit_code": 0,
}


def test_a_report_is_the_json_of_the_command() -> None:
    report = job_report("encode", DOCUMENT)
    assert report["documents"]["encoded"] == 1199
    assert report.to_dict() == dict(report) == DOCUMENT
    assert json.loads(report.to_json()) == DOCUMENT
    assert (len(report), "nonesuch" in report) == (len(DOCUMENT), False)


def test_a_report_shows_what_people_ask_for() -> None:
    report = Report("encode", DOCUMENT)
    assert repr(report) == "<Report encode: 1,200 in, 1,199 encoded, 1 dead>"
    assert str(report).splitlines() == [
        "Report encode",
        "store          features",
        "snapshot       after 1",
        "committed      yes",
        "documents      in 1,200, encoded 1,199, dead 1",
        "padding share  0.1235",
        "dead letters   count 1, limit 10, within yes, reasons validate: blank text 1",
    ]
    assert "<td" in report._repr_html_()


def test_long_lists_are_cut() -> None:
    assert "a, b, c, d, e and 2 more" in str(Report("delete", {"not_stored_ids": list("abcdefg")}))


def test_what_maintenance_did_to_snapshots_and_objects_is_said_in_the_line() -> None:
    compacted = {"dry_run": False, "before": 4, "after": 4, "segments": {"before": 1, "after": 1}, "replaced": 0}
    assert repr(Report("compact", compacted)) == "<Report compact: snapshot before 4, snapshot after 4>"
    assert "snapshot after   4" in str(Report("compact", compacted))
    counts = {"objects": 1, "bytes": 76}
    removed = {"manifests": {"objects": 2, "bytes": 1124}, "lists": counts}
    for predictions in ([{"removed": {"manifests": counts}}], [{"removed": counts}]):
        vacuum = Report("vacuum", {"dry_run": True, "removed": removed, "predictions": predictions})
        assert repr(vacuum) == "<Report vacuum: dry run, to remove 4 objects, 1,276 bytes>"
    nothing = {"dry_run": False, "removed": {}, "predictions": []}
    assert repr(Report("vacuum", nothing)) == "<Report vacuum: removed 0 objects, 0 bytes>"


FAILURE = {"stage": "encode", "reason": "out of memory"}
PRUNING = {"withheld": True, "left": 30, "limit": "10 %", "obstacles": []}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"failures": {"0": FAILURE, "1": FAILURE}}, "2 units failed, for example in encode: out of memory"),
        ({"dead_letters": {**DOCUMENT["dead_letters"], "within": False}}, "1 document refused"),  # type: ignore[dict-item]
        ({"pruning": PRUNING}, "30 documents not pruned that left the corpus: over the limit of 10 %"),
        ({"pruning": {**PRUNING, "obstacles": ["a.csv may be cut"]}}, "left the corpus: a.csv may be cut"),
        ({"corpus": {"damaged": 2}}, "2 files of the corpus cannot be read"),
    ],
)
def test_what_a_job_left_undone_is_an_error_with_its_report(changed: dict[str, object], told: str) -> None:
    document = {**DOCUMENT, "exit_code": 1, **changed}
    with pytest.raises(JobError, match=f"^encode: .*{told}") as raised:
        job_report("encode", document)
    assert raised.value.report == document
