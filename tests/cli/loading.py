"""All commands, each imported."""

from __future__ import annotations

from typing import Any

from encore.cli.main import command


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
