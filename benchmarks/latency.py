"""The backfill job where storage is far away: every request is answered a while later, as from a bucket.

- disk: the job over files.
- far: the same with every request answered ``--milliseconds`` later; segments are read ahead and written behind.
- far, one by one: the same, each segment read, scored and written before the next one.

The way is a pause before each request to the same disk: neither bandwidth nor a limit of requests at a time is in it.
Random features of minilm's width, 1 bit, in documents as long as news; heads with attention. Waiting is the share of
workers × wall clock for which scoring waited for a segment, in one more job.

    python -m benchmarks.latency [--documents 24000] [--milliseconds 30] [--repeats 5] [--publish]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.backfill import Jobs
from benchmarks.measure import Contender, measure, timed
from benchmarks.report import Report, arguments
from encore.featurestore import Catalogue
from encore.featurestore.storage import Objects
from encore.pipelines.backfill import score_stage
from encore.pipelines.runs import available_cores

HEADS = (1, 14)
NEAR, FAR, ONE_BY_ONE = "disk", "far", "far, one by one"

Place = Callable[[], AbstractContextManager[None]]
"""Where storage is while something runs."""


def main() -> None:
    """Run the benchmark and print its report."""
    parser = arguments(__doc__)
    parser.add_argument("--documents", type=int, default=24_000)
    parser.add_argument("--milliseconds", type=float, default=30, help="from a request to its answer")
    options = parser.parse_args()
    torch.set_num_threads(available_cores())
    report = Report.begin("latency", options)
    seconds = options.milliseconds / 1000
    places: dict[str, Place] = {
        NEAR: nullcontext,
        FAR: lambda: far_away(seconds),
        ONE_BY_ONE: lambda: far_away(seconds, one_by_one=True),
    }
    rows, measured = [], {}
    with tempfile.TemporaryDirectory() as name:
        jobs = Jobs(Path(name))
        store = jobs.store("sign", options.documents)
        workers = min(available_cores(), len(store.entries))
        for number in HEADS:
            heads = jobs.heads(store, number)
            taken = measure({how: job_at(place, jobs, store, heads) for how, place in places.items()}, options.repeats)
            waiting = {how: waited(place, jobs, store, heads) / workers for how, place in places.items()}
            rows += [
                [
                    f"{number} head{'' if number == 1 else 's'}, {how}",
                    taken.cell(how, 1, "s"),
                    f"{options.documents / taken.median(how):,.0f}",
                    f"{100 * waiting[how]:.1f} %",
                    str(taken.ratio(ONE_BY_ONE, how)),
                    str(taken.ratio(NEAR, how)),
                ]
                for how in places
            ]
            measured[f"{number} heads"] = {
                "seconds": taken,
                "waiting": waiting,
                "times as fast as one by one": taken.ratio(ONE_BY_ONE, FAR),
                "of the speed from a disk": taken.ratio(NEAR, FAR),
            }
    header = ["what", "time", "documents a second", "waiting", "times as fast as one by one", "of a disk's speed"]
    report.end(header, rows, measured)


def job_at(place: Place, jobs: Jobs, store: Catalogue, heads: list[str]) -> Contender:
    """Seconds of a job over storage at some place; to get there is no part of it."""

    def run() -> float:
        with place():
            return timed(lambda: jobs.run(store, heads))

    return run


def waited(place: Place, jobs: Jobs, store: Catalogue, heads: list[str]) -> float:
    """Seconds that one more job's scoring waited, all workers together, for each second of the job."""
    with place():
        started = time.perf_counter()
        seconds = jobs.run(store, heads).document["seconds"]
        return float(seconds["read"]) / (time.perf_counter() - started)


@contextmanager
def far_away(seconds: float, *, one_by_one: bool = False) -> Iterator[None]:
    """Let every request for an object be answered so much later, and nothing be taken for a file of this machine."""
    ask = Objects._again  # noqa: SLF001 (through which every request to storage goes)

    def later(self: Objects, request: Callable[[], Any]) -> Any:
        time.sleep(seconds)
        return ask(self, request)

    with patch.multiple(Objects, _again=later, _from_file=lambda *_: None, on_disk=False):
        if not one_by_one:
            yield
            return
        with patch.object(score_stage.ScoreSegments, "_ahead", lambda *_: 0):
            yield


if __name__ == "__main__":
    main()
