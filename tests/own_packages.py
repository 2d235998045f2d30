"""A folder of somebody whose own packages are called like parts of Encore."""

from pathlib import Path

NAMES = (
    "api",
    "cli",
    "encoders",
    "experiments",
    "featurestore",
    "heads",
    "pipelines",
    "tablefiles",
    "tests",
    "benchmarks",
)


def write_own_packages(folder: Path) -> None:
    """Packages that end the process of whoever imports them for Encore's."""
    for name in NAMES:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "__init__.py").write_text(f"raise SystemExit('the {name} of this folder, not of Encore')\n")
