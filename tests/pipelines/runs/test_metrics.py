from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from encore.pipelines.runs.metrics import to_prometheus

REPORT: dict[str, Any] = {
    "job": "encode",
    "store": 'C:\\a "store"\nof two lines',
    "finished_at": "2026-11-29T20:00:00+00:00",
    "wall_seconds": 1.5,
    "exit_code": 0,
    "committed": True,
    "units": {"planned": 6, "failed": 0},
    "documents": {"in": 60, "encoded": 59},
    "tokens": 1430,
    "bytes": {"payload": 45760},
    "seconds": {"forward": 0.25},
    "dead_letters": {"count": 1, "limit": "10"},
}
LINE = re.compile(r'encore_job_(\w+)\{job="encode",store="C:\\\\a \\"store\\"\\nof two lines"(?:,(\w+="\w+"))?\} (\S+)')


def test_numbers_of_a_report_are_gauges_with_job_and_store() -> None:
    lines = to_prometheus(REPORT).splitlines()
    found = {(match[1], match[2]): float(match[3]) for line in lines if (match := LINE.fullmatch(line))}
    assert found == {
        ("exit_code", None): 0,
        ("finished_timestamp_seconds", None): datetime(2026, 11, 29, 20, tzinfo=UTC).timestamp(),
        ("duration_seconds", None): 1.5,
        ("committed", None): 1,
        ("units", 'state="planned"'): 6,
        ("units", 'state="failed"'): 0,
        ("documents", 'state="in"'): 60,
        ("documents", 'state="encoded"'): 59,
        ("tokens", None): 1430,
        ("bytes", 'kind="payload"'): 45760,
        ("dead_letters", None): 1,
        ("stage_seconds", 'stage="forward"'): 0.25,
    }
    types = [line for line in lines if line.startswith("# TYPE")]
    assert len(types) == 10
    assert all(line.endswith(" gauge") for line in types)
    assert len(lines) == len(found) + 2 * len(types)


@pytest.mark.parametrize("gone", ["tokens", "units", "dead_letters"])
def test_what_a_job_does_not_report_is_no_metric(gone: str) -> None:
    text = to_prometheus({name: value for name, value in REPORT.items() if name != gone})
    assert f"encore_job_{gone}" not in text
