"""What `encore repair` prints: the damage and what a repair would do, then the result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from encore.cli.printing.store.vacuum import number_ranges
from encore.cli.printing.tables import print_line, print_pairs
from encore.featurestore.common import counted

if TYPE_CHECKING:
    from encore.featurestore.repair import RepairPlan
    from encore.pipelines.repair import RepairPreview, RepairRequest, RepairResult

FINDINGS_SHOWN = 100
"""The most findings that are printed one by one. --json and the report have all."""


def print_damage(found: RepairPreview, request: RepairRequest) -> None:
    """Print each finding in three lines, then what a repair makes of the store."""
    plan = found.plan
    for finding in plan.damage.findings[:FINDINGS_SHOWN]:
        for line in (finding.object, f"  {finding.problem}", f"  {plan.remedy(finding)}"):
            print_line(line)
    if len(plan.damage.findings) > FINDINGS_SHOWN:
        print_line(f"{counted(len(plan.damage.findings) - FINDINGS_SHOWN, 'more finding')}; --json has all")
    if not found.needed:
        print_line(f"nothing to repair: {request.store} is whole")
        return
    print_pairs(_plan(found, request))


def _plan(found: RepairPreview, request: RepairRequest) -> Iterator[tuple[str, object]]:
    yield "store", f"{request.store}: {counted(len(found.plan.damage.findings), 'finding')}"
    if found.plan.needed:
        yield from _snapshots(found.plan, with_corpus=bool(request.inputs))
    if found.corpus is not None:
        yield "whole again", f"{counted(found.salvage.documents, 'document')} out of segments that no list names"
        yield "to encode", f"{counted(found.to_encode, 'document')} of the corpus, any blocked ones included"
    for folder in found.folders:
        if folder.needed:
            files, versions = counted(len(folder.unlisted), "file"), counted(len(folder.retired), "version")
            yield "predictions", f"{folder.folder}: {versions} and {files} damaged; the next backfill scores them"


def _snapshots(plan: RepairPlan, *, with_corpus: bool) -> Iterator[tuple[str, object]]:
    """Lines about the snapshots: which are whole, and which are not."""
    state = plan.survey
    documents = sum(entry.live for entry in state.kept)
    of = f"of snapshot {state.base.version} with {counted(documents, 'document')}"
    yield "whole", f"{counted(len(state.kept), 'segment')} {of}"
    if state.unlisted:
        rows = sum(entry.live for entry, _ in state.unlisted)
        yield "unlisted", f"{counted(len(state.unlisted), 'segment')} with {counted(rows, 'document')}"
    if state.is_older:
        above = f"snapshots above {state.base.version}"
        yield (
            "lost",
            f"{above}: what they deleted is back, unless it is blocked or --prune finds it gone from the corpus",
        )
    if state.lost != 0:
        remedy = "" if with_corpus else "; name the corpus to bring them back"
        yield "lost", ("what lost snapshots added" if state.lost is None else counted(state.lost, "document")) + remedy
    if state.retired:
        yield "retired", f"{counted(len(state.retired), 'snapshot')}: {number_ranges(state.retired)}"
    if state.tags:
        yield "tags", f"set aside: {', '.join(state.tags)}; name a snapshot again with encore tag"
    if plan.new_id:
        yield "store id", "a new one: folders of predictions have to be made anew; with --predictions it stays"


def print_result(result: RepairResult) -> None:
    """Print what the repair did."""
    print_pairs(_done(result))


def _done(result: RepairResult) -> Iterator[tuple[str, object]]:
    done = result.repaired
    if done is not None and done.repair:
        yield "repaired", f"snapshot {done.snapshot}"
        if done.aside:
            yield "set aside", f"{counted(len(done.aside), 'object')} below {result.uri}/aside/{done.repair}"
        yield "report", f"{result.uri}/runs/{done.repair}/report.json"
    if result.from_whole_segments:
        yield "listed again", counted(result.from_whole_segments, "document")
    for folder in result.folders:
        if folder.needed:
            yield "predictions", f"{folder.folder} at version {folder.version}; run encore backfill"
    for left in () if done is None else done.left:
        yield "left", left
