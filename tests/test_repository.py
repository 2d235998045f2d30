"""What the repository promises about itself."""

import os
import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("api", "cli", "encoders", "experiments", "featurestore", "heads", "pipelines", "tablefiles")
LOCKS = {file.stem: file.read_text().lower() for file in (ROOT / "requirements").glob("*.txt")}
LOCKED = re.compile(
    r"^([\w.-]+)==([^\s;]+)(?: ; .*)? \\\n((?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?(?:\n|\Z))+)", re.MULTILINE
)
PINS = {canonicalize_name(name): version for text in LOCKS.values() for name, version, _ in LOCKED.findall(text)}


def tracked_files():
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]


def test_every_requirement_is_pinned_to_a_version_that_it_allows():
    extras = PROJECT["project"]["optional-dependencies"]
    for text in [*PROJECT["project"]["dependencies"], *(line for extra in extras.values() for line in extra)]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)]), text


def test_every_entry_of_a_lock_has_a_hash():
    for name, text in LOCKS.items():
        named = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
        assert len(LOCKED.findall(text)) == len(named) > 0, name


def test_the_cpu_build_of_torch_is_of_the_version_that_is_locked():
    assert f"torch=={PINS['torch'].partition('+')[0]} " in LOCKS["torch"]
    assert f"torch=={PINS['torch'].partition('+')[0]}+cpu " in LOCKS["torch-cpu"]


def test_the_constraints_are_the_versions_that_are_locked():
    constraints = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    held = {canonicalize_name(name): version for name, version in constraints.items()}
    beside = {name for name in PINS if re.match(r"(?:cuda|nvidia|triton)\b", name)}
    assert held == {name: version.removesuffix("+cpu") for name, version in PINS.items() if name not in beside}


def test_what_the_locked_packages_require_is_locked_too():
    # pip looks for nothing by itself: it installs with --no-deps.
    missing = set()
    for name in PINS:
        try:
            wanted = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue
        needed = [it for it in wanted if it.marker is None or it.marker.evaluate({"extra": ""})]
        missing |= {it.name for it in needed if canonicalize_name(it.name) not in PINS}
    assert missing == set()


def test_make_installs_nothing_whose_hash_is_not_locked():
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^LOCKED := --no-deps --require-hashes --requirement$", makefile, flags=re.MULTILINE)
    installs = re.findall(r"(?:pip|\(PIP\)) install +(.*?)(?= \|\||;|\n)", makefile)
    own = "--no-deps --no-build-isolation --editable ."
    assert [words for words in installs if words != own and not words.startswith("$(LOCKED) requirements/")] == []
    assert len(installs) == 4


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
    assert listed == ["help", "setup", "demo", "quick", "test", "soak", "lint", "bench", "docs", "notebook", "clean"]


def test_make_bench_runs_every_benchmark():
    benchmarks = {file.stem for file in (ROOT / "benchmarks").glob("*.py") if "__name__ ==" in file.read_text()}
    (recipe,) = re.findall(r"^bench: .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    run = [name for names in re.findall(r"for benchmark in ([\w ]+);", recipe) for name in names.split()]
    # The report publishes what the others measured, not every machine has a GPU, and convergence measures accuracy, for
    # hours.
    assert sorted(run) == sorted(benchmarks - {"report", "backfill_device", "convergence"})


def test_make_says_what_it_needs_where_python_is_too_old(tmp_path):
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "pyproject.toml").touch()
    done = make("-C", str(tmp_path), "test", f"PYTHON={old} {tmp_path}/none")
    assert done.returncode != 0
    assert f"Encore needs Python 3.11 or newer; tried: {old} {tmp_path}/none." in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_no_command_that_is_shown_makes_a_folder_that_is_called_like_a_package():
    shown = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "cli").rglob("*.py")]
    named = re.compile(r"--(?:out|store|head|predictions)[= ](\S+)")
    # A design note shows what happens to users who do that.
    texts = {file: file.read_text(encoding="utf-8") for file in shown if file.parent.name != "design"}
    places = [(file.name, place) for file, text in texts.items() for place in named.findall(text)]
    assert len(places) > 100
    assert [it for it in places if it[1].removeprefix("./").partition("/")[0] in PACKAGES] == []
