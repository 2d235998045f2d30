"""What encode, derive and backfill have in common: units through one line of stages, outcomes, and a report."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apache_beam as beam
import pytest

from encore.featurestore import Catalogue
from encore.pipelines.flow import LOST, Failure, UnitOutcome
from encore.pipelines.progress import SilentDisplay
from encore.pipelines.runs import JobRun, RunFolder, RunnerChoice, seconds_by_stage, sums
from tests.featurestore.building import spec_of

UNITS = 3
FAILURE = Failure("read", "OSError: the disk is gone")


@pytest.fixture
def run(tmp_path: Path) -> JobRun:
    store = Catalogue.create(str(tmp_path), spec_of())
    units = [SimpleNamespace(number=number) for number in range(UNITS)]
    runner = RunnerChoice.of(["--direct_num_workers=1"], UNITS)
    return JobRun("encode", store, RunFolder.start(store.objects), units, 30, runner, SilentDisplay(), time.monotonic())


def outcome(unit: int, **other: Any) -> UnitOutcome:
    return UnitOutcome(unit, documents_in=10, encoded=10, seconds={"read": 0.5, "write": 1.0}, **other)


class Put(beam.DoFn):
    """Unit number → its outcome, in the run's folder."""

    def __init__(self, uri: str, run_id: str) -> None:
        self._uri, self._run_id = uri, run_id

    def process(self, unit: int) -> None:
        RunFolder(Catalogue.open(self._uri).objects, self._run_id).put_outcome(unit, outcome(unit).to_dict())


def test_every_element_goes_through_the_stages(run: JobRun) -> None:
    put = Put(run.store.uri, run.folder.run_id)
    run.execute(range(UNITS), lambda units: units | beam.ParDo(put))
    assert run.outcomes(UnitOutcome.from_dict) == ({unit: outcome(unit) for unit in range(UNITS)}, {})


def test_without_units_nothing_runs(run: JobRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encore.pipelines.runs.job_run.run_to_end", lambda *_: pytest.fail("ran"))
    empty = JobRun("encode", run.store, run.folder, [], 0, run.runner, SilentDisplay(), run.started)
    empty.execute([], lambda units: units)
    assert empty.outcomes(UnitOutcome.from_dict) == ({}, {})


def test_a_unit_fails_by_what_it_says_or_by_saying_nothing(run: JobRun) -> None:
    failed = outcome(0, failure=FAILURE)
    run.folder.put_outcome(0, failed.to_dict())
    run.folder.put_outcome(2, outcome(2).to_dict())
    assert run.outcomes(UnitOutcome.from_dict) == ({0: failed, 2: outcome(2)}, {0: FAILURE, 1: LOST})


def test_the_report_lies_in_the_folder_and_says_what_every_job_says(run: JobRun) -> None:
    report = run.report({"documents": 3}, failed=True, left_corpus=["a"])
    assert (report.exit_code, report.left_corpus) == (1, ("a",))
    assert report.document["fingerprint"] == run.store.spec.fingerprint
    assert [report.document[name] for name in ("job", "run", "documents")] == ["encode", run.folder.run_id, 3]
    assert json.loads(run.store.objects.get(f"{run.folder.path}/report.json")) == report.document


def test_seconds_are_added_up_by_stage() -> None:
    assert seconds_by_stage([outcome(0), outcome(1)]) == {"read": 1.0, "write": 2.0}


def test_counters_are_added_up_and_nothing_is_zero() -> None:
    assert sums([outcome(0), outcome(1, dead=1)], "encoded", "dead") == {"encoded": 20, "dead": 1}
    assert sums([], "encoded") == {"encoded": 0}
