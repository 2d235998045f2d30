"""What `encore vacuum` prints."""

from __future__ import annotations

from cli.output import human_bytes, print_json, print_pairs
from featurestore.maintenance.vacuum import Vacuum


def print_vacuum(uri: str, done: Vacuum, *, dry_run: bool, as_json: bool) -> None:
    """What was removed, by kind; where nothing was yet, every object by name as well."""
    paths = [stored.path for found in done.removed.values() for stored in found] if dry_run else []
    if as_json:
        print_json({"store": uri, "dry_run": dry_run, **done.to_dict(), **({"objects": paths} if dry_run else {})})
        return
    kept = done.kept
    lines: list[tuple[str, object]] = [
        ("store", uri),
        ("kept", f"{counted(len(kept), 'snapshots')}: {numbers(kept)}"),
    ]
    verb = "would remove" if dry_run else "removed"
    for kind, found in done.removed.items():
        if found:
            lines.append((verb, f"{counted(len(found), kind)}, {human_bytes(sum(stored.size for stored in found))}"))
    if len(lines) == 2:
        lines.append((verb, "nothing"))
    print_pairs([*lines, *(("", path) for path in paths)])


def counted(count: int, kind: str) -> str:
    """``3 manifests``, ``1 manifest``."""
    return f"{count:,} {kind.removesuffix('s') if count == 1 else kind}"


def numbers(kept: tuple[int, ...]) -> str:
    """Ascending numbers, with runs in short: 3, 7 to 12."""
    runs: list[list[int]] = []
    for number in kept:
        if runs and runs[-1][-1] == number - 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in runs) or "none"
