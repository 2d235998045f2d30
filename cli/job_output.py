"""What encode and derive print at their end, and the exit code they leave with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from cli.output import human_bytes, print_json, print_pairs, write_report
from pipelines.segment_job import JobReport

SHOWN = 5
"""Reasons and failures that are printed; the report has all."""


def finish_job(report: JobReport, path: str | None, *, as_json: bool) -> None:
    """Print a report, write it where it was asked for, and leave with its exit code."""
    write_report(path, report.to_json())
    if as_json:
        print_json(report.document)
    else:
        print_pairs(_summary(report.document))
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _summary(report: Mapping[str, Any]) -> list[tuple[str, object]]:
    documents, snapshot, sizes, dead = (report[key] for key in ("documents", "snapshot", "bytes", "dead_letters"))
    lines: list[tuple[str, object]] = [
        (
            "store",
            f"{report['store']} at snapshot {snapshot['after']}" + ("" if report["committed"] else " (unchanged)"),
        ),
        ("documents in", f"{documents['in']:,}"),
        ("encoded" if report["job"] == "encode" else "derived", f"{documents['encoded']:,}"),
    ]
    if documents["adopted"]:
        lines.append(("adopted", f"{documents['adopted']:,} from segments that an earlier run had finished"))
    lines.append(("skipped", f"{documents['skipped']:,} stored already"))
    if documents["blocked"]:
        lines.append(("blocked", f"{documents['blocked']:,} on the store's block list"))
    if documents["superseded"]:
        lines.append(("superseded", f"{documents['superseded']:,} whose text has changed"))
    if report["pruned"]:
        lines.append(("pruned", f"{report['pruned']:,} that have left the corpus"))
    if documents["encoded"]:
        lines += [
            ("tokens", f"{report['tokens']:,}, padding {report['padding_share']:.1%}"),
            ("truncated", f"{report['truncated']:,} documents"),
            ("bytes", f"{human_bytes(sizes['payload'])} of features, {human_bytes(sizes['stored'])} stored"),
        ]
    lines.append(("dead letters", f"{dead['count']:,} (limit {dead['limit']})"))
    lines += [("", f"  {count:,} × {reason}") for reason, count in list(dead["reasons"].items())[:SHOWN]]
    others = sum(list(dead["reasons"].values())[SHOWN:])
    if others:
        lines.append(("", f"  {others:,} for other reasons, which the report lists"))
    failures = report["failures"]
    if failures:
        lines.append(
            ("failed units", f"{len(failures)} of {report['units']['planned']}; the same command tries them again")
        )
        lines += [("", f"  unit {unit}, {f['stage']}: {f['reason']}") for unit, f in list(failures.items())[:SHOWN]]
    if not dead["within"]:
        lines.append(("", "over the limit: nothing was committed. Finished segments are kept: with a higher"))
        lines.append(("", "--max-dead-letters the same command only commits."))
    lines.append(("took", f"{report['wall_seconds']:.1f} s"))
    lines.append(("report", f"{report['store']}/runs/{report['run']}/report.json"))
    return lines
