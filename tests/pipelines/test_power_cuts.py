"""A power cut at any moment of any job takes nothing that was committed, and the same command completes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pytest

from encore.featurestore.storage import Objects
from encore.featurestore.storage.sync import NO_SYNC
from encore.featurestore.verification.store import verify
from tests.featurestore.disk_images import Cut, Recorder
from tests.pipelines.jobs import encoder
from tests.pipelines.lasting_jobs import Expectation, Promise, Site, promises

STYLES = ("names lost", "contents lost", "chance")


@dataclass(frozen=True)
class Recording:
    """What the jobs did to the disk, and what is expected of them."""

    recorder: Recorder
    site: Site
    expected: Expectation

    def promised(self, events: int) -> Promise:
        """What was promised when so many events had happened."""
        promised = Promise()
        for kind, *what in self.recorder.events[:events]:
            if kind == "mark":
                promised.happen(*what)
        return promised


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Every job, run once."""
    folder = tmp_path_factory.mktemp("power")
    site = Site(folder / "disk", folder / "inputs", encoder())
    site.folder.mkdir()
    site.write_inputs()
    recorder, states = Recorder(site.folder), {}
    with pytest.MonkeyPatch.context() as patch, promises(recorder.mark):
        patch.delenv(NO_SYNC)
        for name, job in site.jobs.items():
            recorder.mark("begin", name)
            with recorder.recording():
                job()
            recorder.mark("end", name)
            states[name] = site.state()
    published = {event[3] for event in recorder.events if event[:3] == ("mark", "published", "store")}
    retired = frozenset(published - set(verify(Objects.open(str(site.store))).snapshots))
    return Recording(recorder, site, Expectation(states, retired))


def tree(folder: Path) -> dict[str, bytes | None]:
    paths = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in paths}


def test_the_model_has_seen_all_that_happened(recorded: Recording, tmp_path: Path) -> None:
    recorder = recorded.recorder
    recorder.disk_at(len(recorder.events)).write(tmp_path / "model")
    assert tree(tmp_path / "model") == tree(recorded.site.folder)
    kinds = {event[0] for event in recorder.events}
    assert kinds == {"mark", "mkdir", "file", "link", "rename", "exchange", "remove", "sync"}
    assert recorded.expected.retired


def cuts(recorded: Recording, count: int) -> Iterator[tuple[int, int]]:
    """Numbers and places of cuts that lie all over the jobs."""
    places = [place + 1 for place, event in enumerate(recorded.recorder.events) if event[0] != "mark"]
    random = Random(count)
    for number, part in enumerate(np.array_split(np.array(places), count)):
        yield number, int(random.choice(part))


@pytest.mark.parametrize(
    ("count", "every"), [(40, 10), pytest.param(300, 1, marks=pytest.mark.soak)], ids=["small", "soak"]
)
def test_a_power_cut_takes_nothing_that_was_committed(
    recorded: Recording, count: int, every: int, tmp_path: Path
) -> None:
    for number, events in cuts(recorded, count):
        disk, promised = recorded.recorder.disk_at(events), recorded.promised(events)
        for seed, style in enumerate(STYLES):
            image = Site(tmp_path / "image", recorded.site.inputs, recorded.site.encoder)
            disk.write(image.folder, Cut(number * len(STYLES) + seed, style))
            again = number % every == 0 and seed == number // every % len(STYLES)
            recorded.expected.check(promised, image, again=again)
            shutil.rmtree(image.folder)
