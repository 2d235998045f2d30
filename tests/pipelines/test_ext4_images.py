"""Images of a real file system, taken while jobs run on it: what a power cut at that moment leaves.

A loop device's backing file is copied while it is mounted. The file system's journal is replayed when the copy is
mounted, as after a power cut.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from encore.featurestore.storage.sync import NO_SYNC
from tests.pipelines.jobs import encoder
from tests.pipelines.lasting_jobs import Promise, Site
from tests.pipelines.test_power_cuts import Recording, recorded

__all__ = ["recorded"]

IMAGES = 20
SIZE = 48 << 20
LONGEST_GAP = 2.0
"""Seconds between two images, at most: a file system writes most after 5 s and after 30 s, and at each sync."""


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    at.mkdir()
    done = subprocess.run(["mount", "-o", "loop", str(image), str(at)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system of its own takes root and a loop device: {done.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)
        at.rmdir()


def copied(image: Path, copy: Path) -> None:
    """Copy an image as it is at one moment: two copies that are the same have no change between them."""
    before = b""
    while (now := image.read_bytes()) != before:
        before = now
    with copy.open("wb") as file:
        for start in range(0, len(now), 1 << 16):
            piece = now[start : start + (1 << 16)]
            if piece.count(0) == len(piece):
                file.seek(len(piece), os.SEEK_CUR)
            else:
                file.write(piece)
        file.truncate(len(now))


def stopped(process: subprocess.Popen[str]) -> None:
    """Stop a process, and wait until all of it stands still: a call into the system comes to its end first."""
    process.send_signal(signal.SIGSTOP)
    while any(state(task) not in "TZX" for task in Path(f"/proc/{process.pid}/task").iterdir()):
        time.sleep(0.001)


def state(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"


@pytest.mark.soak
def test_twenty_images_hold_all_that_was_committed(recorded: Recording, tmp_path: Path) -> None:
    random, images, marks = Random(IMAGES), list[tuple[Path, int]](), tmp_path / "marks"
    disk = tmp_path / "disk.img"
    with disk.open("wb") as file:
        file.truncate(SIZE)
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("there is no mkfs.ext4")
    subprocess.run(["mkfs.ext4", "-q", str(disk)], check=True)
    words = [str(tmp_path / "at"), str(recorded.site.inputs), encoder(), "1000"]
    environment = {name: value for name, value in os.environ.items() if name != NO_SYNC}
    with mounted(disk, tmp_path / "at"), marks.open("w") as out:
        command = [sys.executable, "-m", "tests.pipelines.lasting_jobs", *words]
        with subprocess.Popen(command, stdout=out, text=True, env=environment, cwd=Path(__file__).parents[2]) as job:
            try:
                while not marks.stat().st_size:
                    assert job.poll() is None
                    time.sleep(0.01)
                while len(images) < IMAGES:
                    time.sleep(random.uniform(0, LONGEST_GAP))
                    assert job.poll() is None
                    stopped(job)
                    copy = tmp_path / f"{len(images)}.img"
                    copied(disk, copy)
                    images.append((copy, marks.stat().st_size))
                    job.send_signal(signal.SIGCONT)
            finally:
                job.kill()
    told = marks.read_bytes()
    lost: Counter[str] = Counter()
    for copy, size in images:
        number, promised = promised_by(told[:size])
        with mounted(copy, tmp_path / "at") as at:
            try:
                recorded.expected.check(promised, Site(at / number, recorded.site.inputs, encoder()), again=True)
            except Exception as error:  # noqa: BLE001 (each is counted, and all are asserted on)
                lost[f"{promised.job}: {type(error).__name__}: {str(error)[:200]}"] += 1
        copy.unlink()
    assert not lost, f"{lost.total()} of {IMAGES}: {lost}"


def promised_by(lines: bytes) -> tuple[str, Promise]:
    """The round that was at work, and what was promised of it."""
    number, promised = "0", Promise()
    for line in lines.decode().splitlines():
        kind, *what = json.loads(line)
        if kind == "begin" and str(what[1]) != number:
            number, promised = str(what[1]), Promise()
        promised.happen(kind, *what)
    return number, promised
