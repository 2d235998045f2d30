"""A job's report in the text format of Prometheus, for the textfile collector of its node exporter.

The format is https://prometheus.io/docs/instrumenting/exposition_formats/. All metrics are gauges of the last run:
between runs there is nobody to ask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

HELP = {
    "exit_code": "Exit code of the last run: 0, or 1 where something is left to do.",
    "finished_timestamp_seconds": "When the last run ended, in seconds since 1970.",
    "duration_seconds": "What the last run took.",
    "committed": "Whether the last run made a new snapshot or version.",
    "units": "Work units of the last run.",
    "documents": "Documents of the last run, by what became of them.",
    "tokens": "Tokens that the last run encoded.",
    "bytes": "Bytes that the last run wrote.",
    "dead_letters": "Rows that the last run rejected.",
    "stage_seconds": "Seconds of all workers in a stage of the last run.",
}


def to_prometheus(report: Mapping[str, Any]) -> str:
    """The metrics of a report, with the labels ``job`` and ``store``."""
    labels = {"job": report["job"], "store": report["store"]}
    lines: list[str] = []
    for name, text in HELP.items():
        values = [*_values(name, report)]
        if values:
            lines += [f"# HELP encore_job_{name} {text}", f"# TYPE encore_job_{name} gauge"]
            lines += [f"encore_job_{name}{{{_labels(labels | more)}}} {value}" for more, value in values]
    return "\n".join(lines)


def _values(name: str, report: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], float]]:
    """(further labels, value) of a metric; nothing if the report of this job has none."""
    if name == "finished_timestamp_seconds":
        yield {}, datetime.fromisoformat(report["finished_at"]).timestamp()
        return
    found, label = {
        "duration_seconds": (report["wall_seconds"], ""),
        "units": (report.get("units"), "state"),
        "documents": (report.get("documents"), "state"),
        "bytes": (report.get("bytes"), "kind"),
        "dead_letters": (report.get("dead_letters", {}).get("count"), ""),
        "stage_seconds": (report.get("seconds"), "stage"),
    }.get(name, (report.get(name), ""))
    if isinstance(found, Mapping):
        yield from (({label: key}, value) for key, value in found.items() if isinstance(value, int | float))
    elif found is not None:
        yield {}, float(found) if isinstance(found, bool) else found


def _labels(labels: Mapping[str, str]) -> str:
    escaped = {
        name: value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') for name, value in labels.items()
    }
    return ",".join(f'{name}="{value}"' for name, value in escaped.items())
