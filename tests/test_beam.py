from __future__ import annotations

import subprocess
import sys

import encore.beam


def test_the_door_has_two_transforms() -> None:
    assert encore.beam.__all__ == ["ReadFeatures", "ScoreFeatures"]


def test_encore_is_imported_without_beam() -> None:
    code = "import encore, sys; print([name for name in sys.modules if name in ('encore.beam', 'apache_beam')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"
