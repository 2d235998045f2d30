"""What verify prints: its progress, what it found, and one line that sums up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from cli.output import error_console, human_bytes, print_json, print_line
from featurestore.maintenance.verify import Verification
from featurestore.maintenance.verify_findings import Finding
from pipelines.progress import Steps, display_for

if TYPE_CHECKING:
    from pipelines.predictions.verify import FolderVerification


@contextmanager
def progress_display(title: str = "verify") -> Iterator[Callable[[int, int], None]]:
    """Shows segments that are done: a bar on a terminal, a line now and then elsewhere."""
    with Steps(display_for(error_console())) as steps:
        yield lambda done, of: steps.show(title, done, of, "segment")


def print_verification(found: Verification, folders: Sequence[FolderVerification] = (), *, as_json: bool) -> None:
    """Each finding in three lines, then the summary; of the store first, then of each folder of predictions."""
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
    count = len(findings)
    return "clean" if not count else "1 finding" if count == 1 else f"{count:,} findings"


def _folder_summary(found: FolderVerification) -> str:
    heads = "1 head" if found.heads == 1 else f"{found.heads:,} heads"
    files = "1 file" if found.files == 1 else f"{found.files:,} files"
    line = f"{_verdict(found.findings)}: predictions, version {found.version}, {heads}, {files}"
    line += f"; {human_bytes(found.bytes)} read"
    if found.unlisted:
        line += f"; {'1 file' if found.unlisted == 1 else f'{found.unlisted:,} files'} more that it does not list"
    return line


def _summary(found: Verification) -> str:
    snapshots = f"snapshot {found.snapshots[0]}" if len(found.snapshots) == 1 else f"{len(found.snapshots):,} snapshots"
    sizes = f"{found.objects:,} objects of {human_bytes(found.bytes)}, {human_bytes(found.read_bytes)} of them read"
    segments = "1 segment" if found.segments == 1 else f"{found.segments:,} segments"
    line = f"{_verdict(found.findings)}: {snapshots}, {segments}, {sizes}"
    if found.unreferenced:
        more = "1 object" if found.unreferenced == 1 else f"{found.unreferenced:,} objects"
        line += f"; {more} more that no kept snapshot needs"
    return line + ("" if found.deep else "; --deep reads the features too")
