"""What encode and derive print at their end, and their exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from encore.cli.printing.tables import print_json, print_pairs, write_report
from encore.featurestore.common import counted, human_bytes

if TYPE_CHECKING:
    from encore.pipelines.runs import JobReport

REASONS_SHOWN = 5
"""The most reasons and failures that are printed. The report has all."""


def print_job_and_exit(report: JobReport, path: str | None, metrics: str | None, *, as_json: bool) -> None:
    """Print a report, write it and its metrics to the paths that were asked for, and exit with its code."""
    from encore.pipelines.runs import to_prometheus  # noqa: PLC0415 (the job has it imported)

    write_report(path, report.to_json())
    write_report(metrics, to_prometheus(report.document))
    if as_json:
        print_json(report.document)
    else:
        print_job(report)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def print_job(report: JobReport) -> None:
    """Print what a job did, one name and value a line."""
    print_pairs(_summary(report.document, report.left_corpus))


def _summary(report: Mapping[str, Any], left: Sequence[str]) -> list[tuple[str, object]]:
    documents, snapshot, sizes, dead = (report[key] for key in ("documents", "snapshot", "bytes", "dead_letters"))
    lines: list[tuple[str, object]] = [
        (
            "store",
            f"{report['store']} at snapshot {snapshot['after']}" + ("" if report["committed"] else " (unchanged)"),
        ),
        ("documents in", f"{documents['in']:,}"),
        *_unread(report.get("corpus", {}).get("unread", [])),
        *_documents(report["job"], documents),
    ]
    if "pruning" in report:
        lines += _pruning(report, left)
    if documents["encoded"]:
        lines += [
            ("tokens", f"{report['tokens']:,}, padding {report['padding_share']:.1%}"),
            ("truncated", counted(report["truncated"], "document")),
            ("bytes", f"{human_bytes(sizes['payload'])} of features, {human_bytes(sizes['stored'])} stored"),
        ]
    if report.get("equal_lengths"):
        lines.append(("batches", "of equal lengths alone: padding would show in this encoder's features"))
    lines.append(("dead letters", f"{dead['count']:,} (limit {dead['limit']})"))
    lines += [("", f"  {count:,} × {reason}") for reason, count in list(dead["reasons"].items())[:REASONS_SHOWN]]
    others = sum(list(dead["reasons"].values())[REASONS_SHOWN:])
    if others:
        lines.append(("", f"  {others:,} for other reasons, which the report lists"))
    failures = report["failures"]
    if failures:
        lines.append(
            ("failed units", f"{len(failures):,} of {report['units']['planned']:,}; {failed_units_advice(failures)}")
        )
        lines += [
            ("", f"  unit {unit}, {f['stage']}: {f['reason']}") for unit, f in list(failures.items())[:REASONS_SHOWN]
        ]
    if not dead["within"]:
        lines.append(("", "over the limit: nothing was committed. Finished segments are kept: with a higher"))
        lines.append(("", "--max-dead-letters the same command only commits."))
    lines.append(("took", f"{report['wall_seconds']:.1f} s"))
    lines.append(("report", f"{report['store']}/runs/{report['run']}/report.json"))
    return lines


def _documents(job: str, counts: Mapping[str, int]) -> list[tuple[str, object]]:
    """Lines about the documents: encoded, skipped, rejected and so on."""
    told = {
        "encoded" if job == "encode" else "derived": ("encoded", ""),
        "adopted": ("adopted", " from segments that an earlier run had finished"),
        "refreshed": ("refreshed", " whose kept columns have changed, and not their text"),
        "skipped": ("skipped", " stored already"),
        "blocked": ("blocked", " on the store's block list"),
        "superseded": ("superseded", " whose text has changed"),
    }
    always = ("encoded", "skipped")
    return [
        (label, f"{counts[name]:,}{words}") for label, (name, words) in told.items() if name in always or counts[name]
    ]


def _unread(unread: Sequence[Mapping[str, str]]) -> list[tuple[str, object]]:
    """Lines about files in the input folders that are not read."""
    if not unread:
        return []
    lines: list[tuple[str, object]] = [("not read", f"{len(unread):,} in the folders that were named")]
    lines += [("", f"  {it['file']}: {it['reason']}") for it in unread[:REASONS_SHOWN]]
    if len(unread) > REASONS_SHOWN:
        lines.append(("", f"  {len(unread) - REASONS_SHOWN:,} more, which the report lists"))
    return lines


def _pruning(report: Mapping[str, Any], left: Sequence[str]) -> list[tuple[str, object]]:
    """Lines about pruning: the pruned documents, or those that would have been pruned and the reason why not."""
    pruning = report["pruning"]
    if not pruning["left"]:
        return [("pruned", "0: nothing has left the corpus")]
    lines: list[tuple[str, object]] = [
        ("pruned", f"{report['pruned']:,} of {pruning['left']:,} that are not in the corpus (limit {pruning['limit']})")
    ]
    lines += [("", f"  {doc_id}") for doc_id in left]
    more = pruning["left"] - len(left)
    lines.append(("", f"  {f'and {more:,} more: ' if more else ''}all are listed in {pruning['list']}"))
    if pruning["withheld"]:
        if pruning["obstacles"]:
            lines.append(("", "nothing was pruned, since it is not known what has left:"))
            lines += [("", f"  {obstacle}") for obstacle in pruning["obstacles"]]
        if not pruning["within"]:
            lines.append(
                ("", "nothing was pruned, since that is over the limit; if they are really gone, say so with a")
            )
            lines.append(("", "higher --max-pruned (a count or a share)."))
    return lines


def failed_units_advice(failures: Mapping[str, Mapping[str, Any]]) -> str:
    """What to do about units that failed."""
    unreadable = sum(failure.get("unreadable", False) for failure in failures.values())
    if not unreadable:
        return "the same command tries them again"
    if unreadable == len(failures):
        return "mend their files first: the same command fails again"
    return f"mend the files of {unreadable} first; the same command tries the others again"
