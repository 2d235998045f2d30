"""What the repository promises about itself."""

import os
import re
import subprocess
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("cli", "encoders", "experiments", "featurestore", "heads", "pipelines", "tablefiles")
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().lower().splitlines() if "==" in line)


def tracked_files():
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def test_every_package_of_the_tree_is_listed_so_that_a_wheel_holds_it():
    folders = {file.parent for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    found = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert sorted(found) == sorted(PROJECT["tool"]["setuptools"]["packages"])


def test_every_package_says_that_it_is_typed():
    assert [package for package in PACKAGES if not (ROOT / package / "py.typed").exists()] == []


def test_every_requirement_is_pinned_to_a_version_that_it_allows():
    extras = PROJECT["project"]["optional-dependencies"]
    for text in [*PROJECT["project"]["dependencies"], *(line for extra in extras.values() for line in extra)]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(PINS[requirement.name.lower()]), text


def test_the_torch_pin_is_the_one_that_the_project_was_built_with():
    assert PINS["torch"] == "2.13.0"


def test_what_the_pinned_packages_require_is_pinned_too():
    names = {name.replace("_", "-") for name in PINS}
    missing = {
        requirement.name
        for name in ("zarr", "obstore", "pyarrow", "transformers", "apache-beam", "typer", "pytest", "hypothesis")
        for requirement in map(Requirement, requires(name) or ())
        if requirement.marker is None and requirement.name.lower().replace("_", "-") not in names
    }
    assert missing == set()


def test_no_file_names_a_folder_of_somebodys_machine():
    # Also keeps paths out of recorded demo output.
    personal = re.compile(r"(?<![\w.~/:-])/(?:home|root|Users|work|mnt)/[\w.-]+")
    found = []
    for file in tracked_files():
        if file == Path(__file__):
            continue
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(ROOT)}: {match[0]}" for match in personal.finditer(text)]
    assert found == []


def test_relative_links_of_the_readme_and_the_docs_lead_somewhere():
    links = {
        f"{file.relative_to(ROOT)}: {target}": file.parent / target
        for file in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", file.read_text())
    }
    broken = [link for link, target in links.items() if not target.exists()]
    assert broken == []


def test_the_licence_is_the_one_that_the_project_names():
    assert PROJECT["project"]["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def make(*words, path=None):
    environment = os.environ | {"MAKEFLAGS": "", "MAKELEVEL": ""} | ({} if path is None else {"PATH": path})
    return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, env=environment, check=False)


def test_make_alone_lists_every_target():
    listed = re.findall(r"^  make (\w+) ", make().stdout, flags=re.MULTILINE)
    assert listed == ["help", "setup", "demo", "test", "soak", "lint", "bench", "docs", "clean"]


def test_make_bench_runs_every_benchmark():
    benchmarks = {file.stem for file in (ROOT / "benchmarks").glob("*.py") if "__name__ ==" in file.read_text()}
    (recipe,) = re.findall(r"^bench: .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    run = [name for names in re.findall(r"for benchmark in ([\w ]+);", recipe) for name in names.split()]
    # The report publishes what the others measured, and not every machine has a GPU.
    assert sorted(run) == sorted(benchmarks - {"report", "backfill_device"})


def test_make_says_what_it_needs_where_python_is_too_old(tmp_path):
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "constraints.txt").touch()
    done = make("-C", str(tmp_path), "test", f"PYTHON={old} {tmp_path}/none")
    assert done.returncode != 0
    assert f"Encore needs Python 3.11 or newer; tried: {old} {tmp_path}/none." in done.stderr
    assert not (tmp_path / ".venv").exists()
