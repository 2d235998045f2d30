"""What `encore verify` prints: each finding, and one line that sums up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from encore.cli.printing.tables import print_json, print_line
from encore.featurestore.common import counted, human_bytes

if TYPE_CHECKING:
    from encore.featurestore.verification import Finding, Verification
    from encore.pipelines.head_registry import FolderVerification


def print_verification(found: Verification, folders: Sequence[FolderVerification] = (), *, as_json: bool) -> None:
    """Print each finding in three lines, then a summary; first for the store, then for each predictions folder."""
    if as_json:
        print_json(asdict(found) | ({"predictions": [asdict(folder) for folder in folders]} if folders else {}))
        return
    _print(found.findings, _summary(found))
    for folder in folders:
        _print(folder.findings, _folder_summary(folder))


def _print(findings: Sequence[Finding], summary: str) -> None:
    for finding in findings:
        for line in (finding.object, f"  {finding.problem}", f"  {finding.action}"):
            print_line(line)
    print_line(summary)


def _verdict(findings: Sequence[Finding]) -> str:
    return counted(len(findings), "finding") if findings else "clean"


def _folder_summary(found: FolderVerification) -> str:
    heads, files = counted(found.heads, "head"), counted(found.files, "file")
    line = f"{_verdict(found.findings)}: predictions, version {found.version}, {heads}, {files}"
    line += f"; {human_bytes(found.bytes)} read"
    if found.unlisted:
        line += f"; {counted(found.unlisted, 'file')} more that it does not list"
    return line


def _summary(found: Verification) -> str:
    snapshots = (
        f"snapshot {found.snapshots[0]}" if len(found.snapshots) == 1 else counted(len(found.snapshots), "snapshot")
    )
    objects = counted(found.objects, "object")
    sizes = f"{objects} of {human_bytes(found.bytes)}, {human_bytes(found.read_bytes)} of them read"
    segments = counted(found.segments, "segment")
    line = f"{_verdict(found.findings)}: {snapshots}, {segments}, {sizes}"
    if found.unreferenced:
        line += f"; {counted(found.unreferenced, 'object')} more that no kept snapshot needs"
    return line + ("" if found.deep else "; --deep reads the features too")
