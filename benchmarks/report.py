"""Results of benchmarks: JSON on standard output and, when asked for, in the documentation.

python -m benchmarks.report FILE.json...    puts results that were measured elsewhere into the documentation
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine, load_average
from benchmarks.measure import Measurement, Ratio, digits, rounded

RESULTS = Path(__file__).parents[1] / "docs" / "results"


@dataclass(frozen=True)
class Report:
    """One run of a benchmark.

    Attributes:
        name: of the result: of its file and of its place in the page.
        options: as `arguments` parsed them.
        load_before: load average when the run began.
        began: date (UTC).
    """

    name: str
    options: argparse.Namespace
    load_before: float
    began: str

    @classmethod
    def begin(cls, name: str, options: argparse.Namespace) -> Report:
        """Note what only the beginning knows."""
        return cls(name, options, load_average(), f"{datetime.now(UTC):%Y-%m-%d}")

    def end(self, header: Sequence[str], rows: Sequence[Sequence[object]], measured: Mapping[str, Any]) -> None:
        """Print the result; publish it where ``--publish`` is given.

        Args:
            header: column titles of the table.
            rows: its cells; floats are shown with three digits.
            measured: what was measured, by name: Measurements, Ratios, numbers, strings, and lists and mappings of
                these.
        """
        settings = {name: value for name, value in vars(self.options).items() if name not in ("publish", "repeats")}
        document = {
            "benchmark": self.name,
            "command": command_of(sys.argv),
            "date": self.began,
            "repeats": self.options.repeats,
            "settings": plain(settings),
            "machine": describe_machine(),
            "load": {"before": self.load_before, "after": load_average()},
            "measured": plain(measured),
            "table": {"header": list(header), "rows": [[shown(cell) for cell in row] for row in rows]},
        }
        print(json.dumps(document, indent=1))
        if self.options.publish:
            publish(document)


def arguments(description: str | None, repeats: int = 5) -> argparse.ArgumentParser:
    """A parser with what every benchmark has: ``--repeats`` and ``--publish``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=repeats, help="rounds after the warm-up")
    parser.add_argument("--publish", action="store_true", help="write the result into docs/results")
    return parser


def publish(document: Mapping[str, Any], results: Path = RESULTS) -> None:
    """Write a result to ``benchmarks/NAME.json`` and its table to ``performance.md``.

    Raises:
        ValueError: the page has no place for it.
    """
    name, page = document["benchmark"], results / "performance.md"
    text = with_table(page.read_text(), name, markdown(document))
    folder = results / "benchmarks"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    page.write_text(text)


def with_table(page: str, name: str, table: str) -> str:
    """The page with ``table`` between the markers of this name, all else as it was.

    Raises:
        ValueError: the page does not hold the two markers once, in this order.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    parts = re.split(f"({re.escape(begin)}|{re.escape(end)})", page)
    if parts[1::2] != [begin, end]:
        raise ValueError(f"the page has no place for {name}: it needs one line {begin} and below it one line {end}")
    return f"{parts[0]}{begin}\n{table}\n{end}{parts[4]}"


def markdown(document: Mapping[str, Any]) -> str:
    """Where a result comes from, in one line, and its table."""
    machine, load = document["machine"], document["load"]
    packages = machine["packages"]
    cores = f"{machine['cores']} core{'' if machine['cores'] == 1 else 's'}"
    facts = [
        f"{document['repeats']} repeats",
        f"{machine['gpu']}, {cores}" if machine["gpu"] else f"{machine['processor']}, {cores}",
        *([f"{machine['memory_gib']:.0f} GiB"] if machine["memory_gib"] else []),
        f"Python {machine['python']}",
        *([f"torch {packages['torch']}"] if "torch" in packages else []),
        f"load {load['before']} before, {load['after']} after",
        document["date"],
    ]
    header, rows = document["table"]["header"], document["table"]["rows"]
    lines = [header, ["---"] * len(header), *rows]
    table = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
    return f"`{document['command']}`: {'; '.join(facts)}.\n\n{table}"


def command_of(words: Sequence[str]) -> str:
    """The command that made a result, without the folders of one machine."""
    rest = ["=".join(map(without_folders, word.split("="))) for word in words[1:] if word != "--publish"]
    return " ".join(["python -m", f"benchmarks.{Path(words[0]).stem}", *rest])


def without_folders(text: str) -> str:
    """Of a path its last part; other texts, ``hf:owner/model`` among them, as they are."""
    return text.rsplit("/", 1)[-1] if text.startswith(("/", "~", ".")) else text


def plain(value: Any) -> Any:
    """The value as JSON has it: floats of six digits, and of a path the last part."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Measurement | Ratio):
        return value.to_dict()
    if isinstance(value, str | Path):
        return without_folders(str(value))
    return rounded(value) if isinstance(value, float) else value


def shown(cell: object) -> str:
    """A cell of the table."""
    return digits(cell) if isinstance(cell, float) else str(cell)


def main() -> None:
    """Publish results that were measured elsewhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    for file in parser.parse_args().files:
        publish(json.loads(file.read_text()))


if __name__ == "__main__":
    main()
