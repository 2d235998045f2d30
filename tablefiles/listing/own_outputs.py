"""What a job writes may not lie among its inputs: the next run would read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from encore.featurestore import UsageError
from encore.tablefiles.listing.covering import covers


def refuse_outputs_among_inputs(
    inputs: Sequence[str], outputs: Mapping[str, str | None], store: str | None = None
) -> None:
    """See that no output is, or lies below, an input.

    Args:
        inputs: files, folders and globs.
        outputs: option → file or folder that it names; None where it is not given.
        store: a store may lie below an input, since listing leaves stores out; it may be none, or lie above one.

    Raises:
        UsageError: an output lies among the inputs.
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
