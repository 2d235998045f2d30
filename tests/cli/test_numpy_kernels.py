"""NumPy's kernels are chosen where a processor can run them, and never against the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.numpy_kernels import CORE_TYPE, choose_numpy_kernels

WIDE = "avx512f avx512dq avx512cd avx512bw avx512vl"


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORE_TYPE, "")
    monkeypatch.delenv(CORE_TYPE)


def processor(folder: Path, vendor: str, flags: str) -> str:
    path = folder / "cpuinfo"
    path.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: fpu {flags} sse\n\nprocessor\t: 1\n")
    return str(path)


@pytest.mark.parametrize(
    ("vendor", "flags", "chosen"),
    [
        ("AuthenticAMD", WIDE, "SkylakeX"),
        ("AuthenticAMD", "avx2 fma", None),
        ("AuthenticAMD", "avx512f avx512cd", None),
        ("GenuineIntel", WIDE, None),
    ],
)
def test_wide_kernels_are_chosen_on_processors_of_amd_that_have_the_instructions(
    tmp_path: Path, vendor: str, flags: str, chosen: str | None
) -> None:
    choose_numpy_kernels(processor(tmp_path, vendor, flags))
    assert os.environ.get(CORE_TYPE) == chosen


def test_a_choice_of_the_environment_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORE_TYPE, "Zen")
    choose_numpy_kernels(processor(tmp_path, "AuthenticAMD", WIDE))
    assert os.environ[CORE_TYPE] == "Zen"


def test_without_a_list_of_processors_nothing_changes(tmp_path: Path) -> None:
    choose_numpy_kernels(str(tmp_path / "none"))
    assert CORE_TYPE not in os.environ
