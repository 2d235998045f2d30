"""What a job writes may not lie among its inputs: the next run would read it."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from encore.featurestore import UsageError
from encore.featurestore.storage import Address
from encore.tablefiles.listing.globs import PathPart, absolute, matches
from encore.tablefiles.listing.listing import is_bookkeeping


def covers(text: str, output: str) -> bool:
    """Whether an input (a file, a folder or a glob) stands for a file or a folder at ``output`` as well.

    Args:
        text: an input, as `list_files` takes it.
        output: path or URL of what is to be written; it need not exist.
    """
    source, target = Address.parse(text), Address.parse(output)
    if bool(source.scheme) != bool(target.scheme):
        return False
    is_glob = glob.has_magic(text)
    named, parts = _parts(source, links=is_glob), _parts(target, links=is_glob)
    pattern = named if source.scheme else absolute(source.path).parts
    marked = [PathPart(part, is_bookkeeping(part, ())) for part in parts]
    matched = is_glob and any(matches(marked[:depth], pattern) for depth in range(1, len(parts) + 1))
    return matched or parts[: len(named)] == named


def _parts(address: Address, *, links: bool) -> list[str]:
    """Parts of an absolute path, or of a URL; ``links`` leaves links as they are: a glob names no place to resolve."""
    if address.scheme:
        return str(address).rstrip("/").split("/")
    path = Path(os.path.abspath(os.path.expanduser(address.path)))  # noqa: PTH100, PTH111
    return list((path if links else path.resolve()).parts)


def refuse_outputs_among_inputs(
    inputs: Sequence[str], outputs: Mapping[str, str | None], store: str | None = None
) -> None:
    """Check that no output is, or lies below, an input.

    Args:
        inputs: files, folders and globs.
        outputs: option → file or folder that it names; None where it is not given.
        store: a store may lie below an input, since listing leaves stores out. It must not be an input or lie above
            one.

    Raises:
        UsageError: an output lies among the inputs, or an input in the store.
    """
    for option, output in outputs.items():
        for text in inputs:
            if output and covers(text, output):
                raise UsageError(
                    f"{option} {output}: lies in the input {text}, where the next run would read it; move it"
                )
    for text in inputs:
        if store and covers(store, text):
            raise UsageError(f"input {text}: lies in the store {store}; give the store a folder of its own")
