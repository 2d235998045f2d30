"""What an installation holds: `encore` and nothing else at the top, and the same beside packages of the same names."""

import os
import shutil
import signal
import site
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.models import tiny_bert
from tests.own_packages import write_own_packages

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(link.name for link in (ROOT / "src" / "encore").iterdir() if link.is_symlink())
LEFT = (
    "build/lib/cli/stale.py",
    "build/lib/stale/__init__.py",
    "encore_featurestore.egg-info/x.py",
    "heads/topic/model.safetensors",
    "heads/topic/head.json",
    "cli/main.py~",
    "cli/.env",
    "corpus.csv",
)
"""What builds and trainings leave in a checkout."""


def files_of_the_packages() -> set[str]:
    """As an installation is to hold them, by their paths in it."""
    found = (
        f"encore/{file.relative_to(ROOT)}"
        for name in PACKAGES
        for file in (ROOT / name).rglob("*")
        if file.suffix in {".py", ".toml", ".html", ".js"}
    )
    return {*found, *(f"encore/{file.name}" for file in (ROOT / "src" / "encore").iterdir() if file.is_file())}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is built of the tree, without a network, where other builds and a training left something."""
    tree, dist = (tmp_path_factory.mktemp(name) for name in ("tree", "dist"))
    for name in (*PACKAGES, "docs", "tests", "src"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, tree)
    for name in LEFT:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("left by something else")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(dist)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    return dist


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel; what Encore needs lies in the one that runs the tests."""
    home = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    # A line of a .pth file is a folder to look into; the .pth files in that folder, such as that of an editable
    # installation, are not read.
    (packages / "needed.pth").write_text("\n".join(site.getsitepackages()))
    return home / "bin"


def environment() -> dict[str, str]:
    """The environment of somebody who has no Python path of their own."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}


def run(folder: Path, *command: object) -> str:
    """What a command prints in a folder. Fails if the command does."""
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_wheel_holds_the_files_of_the_packages_and_no_others(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == files_of_the_packages()


def test_a_source_archive_holds_the_same_and_what_a_build_takes(built: Path, tmp_path: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
        opened.extractall(tmp_path, filter="data")
    more = {"PKG-INFO", "pyproject.toml", "README.md", "LICENSE", ".gitignore"}
    assert names == {f"src/{name}" for name in files_of_the_packages()} | more
    (tree,) = tmp_path.iterdir()
    run(tree, sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist")
    (again,) = (tmp_path / "dist").glob("*.whl")
    (wheel,) = built.glob("*.whl")
    assert sorted(ZipFile(again).namelist()) == sorted(ZipFile(wheel).namelist())


def test_what_is_installed_starts_beside_packages_of_the_same_names(installed: Path, tmp_path: Path) -> None:
    write_own_packages(tmp_path)
    where = run(tmp_path, installed / "python", "-c", "import encore; print(encore.__file__)").strip()
    assert Path(where).is_relative_to(installed.parent)
    assert "encode" in run(tmp_path, installed / "encore", "--help")


def test_the_demo_of_what_is_installed_begins(installed: Path, tmp_path: Path) -> None:
    write_own_packages(tmp_path)
    command = [installed / "encore", "demo", "--encoder", tiny_bert(tmp_path / "encoder", layers=6)]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        encoding = tmp_path / "demo-output" / "features" / "store.json"
        while demo.poll() is None and not encoding.exists():
            time.sleep(0.05)
        demo.send_signal(signal.SIGTERM)
        said, _ = demo.communicate()
    assert encoding.exists(), said


def test_an_editable_installation_offers_nothing_else(tmp_path: Path) -> None:
    """The path that an editable installation adds leads to a folder that holds `encore` alone."""
    assert [path.name for path in (ROOT / "src").iterdir() if path.name != "__pycache__"] == ["encore"]
    write_own_packages(tmp_path)
    code = f"import sys; sys.path.append({str(ROOT / 'src')!r}); import encore.cli.main, encore.heads, heads"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == "the heads of this folder, not of Encore"


def test_the_packages_are_those_that_lie_at_the_top() -> None:
    holding = {file.parent.name for file in ROOT.glob("*/__init__.py")} - {"benchmarks", "tests"}
    assert set(PACKAGES) == holding
    assert all((ROOT / "src" / "encore" / name).resolve() == ROOT / name for name in PACKAGES)
