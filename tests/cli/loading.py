"""All commands: what the table says of each, and each imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from encore.cli.command_table import COMMANDS, Entry
from encore.cli.main import command


def _entries(table: Mapping[str, Entry], words: str = "") -> Iterator[tuple[str, Entry]]:
    for name, entry in table.items():
        yield f"{words}{name}", entry
        yield from _entries(entry.commands, f"{words}{name} ")


ENTRIES = dict(_entries(COMMANDS))
"""Words → entry; groups of commands, and the commands of each."""


def load_commands() -> dict[str, Any]:
    """Words → command; groups of commands, and the commands of each."""
    found = {}
    waiting = [("", command())]
    while waiting:
        words, group = waiting.pop()
        inner = {f"{words}{name}": group.load(name) for name in group.commands}
        found |= inner
        waiting += [(f"{name} ", it) for name, it in inner.items() if hasattr(it, "load")]
    return found
