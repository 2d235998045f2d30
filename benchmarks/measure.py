"""Contenders measured side by side: the one form of every benchmark here.

A benchmark names what it compares, measures it, and hands over one table:

    from benchmarks.measure import measure
    from benchmarks.report import Report, arguments

    def main() -> None:
        parser = arguments(__doc__)                       # --repeats, --publish
        parser.add_argument("--documents", type=int, default=2000)
        options = parser.parse_args()
        report = Report.begin("scan", options)            # notes the load before
        taken = measure({"scan": scan, "read": read}, options.repeats)
        rows = [["sign", taken.cell("scan"), str(taken.ratio("read", "scan"))]]
        report.end(["codec", "scan", "read / scan"], rows, {"scan": taken})

`measure` runs all contenders once to warm up and then round by round, each round beginning with the next one, so that
none is always first and all meet the same disturbances. A contender is called without arguments. What it returns is
what it took, in seconds or in any other unit, start-up left out; where it returns None the wall clock around the call
counts. `timed` is that clock, for contenders with something to prepare or to remove.

`Report.end` prints the result as JSON. With ``--publish`` the JSON goes to docs/results/benchmarks/NAME.json, and the
table between ``<!-- NAME -->`` and ``<!-- /NAME -->`` of docs/results/performance.md; the prose around stays. A result
of another machine, say one with a GPU, has a name of its own and comes in by ``python -m benchmarks.report FILE.json``.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Contender = Callable[[], float | None]


@dataclass(frozen=True)
class Ratio:
    """How two contenders compare.

    Attributes:
        of_medians: ratio of their medians.
        rounds: ratio of each round.
    """

    of_medians: float
    rounds: tuple[float, ...]

    def __str__(self) -> str:
        """Ratio of the medians, and the smallest and largest of a round, with three digits."""
        return f"{digits(self.of_medians)} ({digits(min(self.rounds))} to {digits(max(self.rounds))})"

    def times(self, factor: float) -> Ratio:
        """The same of contenders that did different amounts of work."""
        return Ratio(self.of_medians * factor, tuple(ratio * factor for ratio in self.rounds))

    def to_dict(self) -> dict[str, float]:
        """JSON form, with the median of the rounds."""
        return {
            "of_medians": rounded(self.of_medians),
            "median": rounded(statistics.median(self.rounds)),
            "min": rounded(min(self.rounds)),
            "max": rounded(max(self.rounds)),
        }


@dataclass(frozen=True)
class Measurement:
    """What each contender took, round by round.

    Attributes:
        rounds: contender → what it took in each round, the warm-up left out.

    Raises:
        ValueError: no rounds, or not as many of each contender.
    """

    rounds: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        if len({len(taken) for taken in self.rounds.values()} - {0}) != 1 or not all(self.rounds.values()):
            raise ValueError(f"expected as many rounds of each contender, got {dict(self.rounds)}")

    def median(self, name: str) -> float:
        """Median of what a contender took."""
        return statistics.median(self.rounds[name])

    def ratio(self, name: str, to: str) -> Ratio:
        """What one contender took as a multiple of what another took.

        Of seconds, ``ratio("plain", "fast")`` says how many times as fast the fast one is.
        """
        pairs = zip(self.rounds[name], self.rounds[to], strict=True)
        return Ratio(self.median(name) / self.median(to), tuple(one / other for one, other in pairs))

    def per_second(self, name: str, amount: float) -> float:
        """How much of ``amount`` a contender does in a second, by its median."""
        return amount / self.median(name)

    def cell(self, name: str, scale: float = 1.0, unit: str = "s") -> str:
        """Median, smallest and largest, as a table shows them; ``cell("job", 1e3, "ms")`` of seconds shows ms."""
        taken = self.rounds[name]
        low, high = digits(min(taken) * scale), digits(max(taken) * scale)
        return f"{digits(self.median(name) * scale)} {unit} ({low} to {high})"

    def to_dict(self) -> dict[str, Any]:
        """JSON form: of each contender the median, the extremes and every round."""
        return {
            name: {
                "median": rounded(self.median(name)),
                "min": rounded(min(taken)),
                "max": rounded(max(taken)),
                "rounds": [rounded(value) for value in taken],
            }
            for name, taken in self.rounds.items()
        }


def measure(contenders: Mapping[str, Contender], repeats: int = 5, *, warm_up: int = 1) -> Measurement:
    """Run every contender ``repeats`` times, interleaved, after ``warm_up`` rounds that do not count.

    Raises:
        ValueError: no contenders, or fewer than one repeat.
    """
    if not contenders or repeats < 1:
        raise ValueError(f"expected contenders and at least one repeat, got {len(contenders)} and {repeats}")
    names = list(contenders)
    rounds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, repeats):
        first = number % len(names)
        taken = {name: one_run(contenders[name]) for name in names[first:] + names[:first]}
        shown = ", ".join(f"{name} {digits(taken[name])}" for name in names)
        print(f"{'warm-up' if number < 0 else f'round {number + 1}'}: {shown}", file=sys.stderr)
        if number >= 0:
            for name in names:
                rounds[name].append(taken[name])
    return Measurement({name: tuple(values) for name, values in rounds.items()})


def one_run(contender: Contender) -> float:
    """What a contender says that it took, or else the seconds of the call."""
    started = time.perf_counter()
    said = contender()
    return time.perf_counter() - started if said is None else float(said)


def timed(step: Callable[[], object]) -> float:
    """Seconds that a step takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def digits(value: float) -> str:
    """Three significant digits, without an exponent; all digits before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".") if abs(value) >= 1e-4 else f"{value:g}"


def rounded(value: float) -> float:
    """Six significant digits, which is more than a clock here is worth."""
    return float(f"{value:.6g}")
