"""Reading the files of a head. They may come from anybody: the result is a head that can score, or an error."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

import safetensors.torch
import torch
from safetensors import SafetensorError

from encore.featurestore.common import first_line
from encore.featurestore.errors import StoreError

FORMAT_VERSION = 1
DESIGN = {"pooling": str, "attention_heads": int, "layer_mix": str, "queries": int, "standardised": bool}
"""Field of ``design`` in ``head.json`` → its type; each may also be null."""

MESSAGE_LENGTH = 300
"""Characters that a message about a damaged head may have: its files may hold names of any length."""

OUTPUT = "classifier.output.weight"
"""Name of weights (classes, d) that every head has. Their shape gives the sizes of all the others."""


def read_document(data: bytes, name: str) -> dict[str, Any]:
    """Read and check ``head.json``.

    Raises:
        StoreError: the file is damaged, of another format, or describes no possible head.
    """
    try:
        document = json.loads(data.decode(), parse_constant=_refuse_number, parse_float=_finite)
        found = document["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(name, error) from error
    if found != FORMAT_VERSION:
        raise StoreError(f"{name}: format version {found}; this release reads version {FORMAT_VERSION}")
    try:
        _check_classes(document["classes"])
        _check_design(document["design"])
        for field, kinds in {"training": dict, "versions": dict, "snapshot": int | None, "created_at": str}.items():
            if not isinstance(document[field], kinds):
                raise TypeError(f"{field} is of the wrong kind")  # noqa: TRY301 (one place says that it is damaged)
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(name, error) from error
    return document  # type: ignore[no-any-return]


def read_weights(data: bytes, name: str, classes: int, width: int) -> dict[str, torch.Tensor]:
    """Read ``weights.safetensors``: finite float32 numbers, for this many classes and features of this width.

    ``head.json`` may claim any sizes. No memory is allocated for them before the stored weights confirm them.

    Raises:
        StoreError: the file is damaged, or holds anything else.
    """
    try:
        weights: dict[str, torch.Tensor] = safetensors.torch.load(data)
    except (SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise damaged(name, error) from error
    shape = tuple(weights[OUTPUT].shape) if OUTPUT in weights else "none"
    if shape != (classes, width):
        raise damaged(name, ValueError(f"{OUTPUT} has shape {shape}, head.json says {(classes, width)}"))
    for tensor, values in sorted(weights.items()):
        if values.dtype != torch.float32:
            kind = str(values.dtype).removeprefix("torch.")
            raise damaged(name, ValueError(f"{tensor} is {kind}, expected float32"))
        if not values.isfinite().all():
            raise damaged(name, ValueError(f"{tensor} holds numbers that are not finite"))
    return weights


def damaged(name: str, error: Exception) -> StoreError:
    """The error for a file of a head that cannot be used."""
    first = first_line(error)
    described = (f"no {first}" if isinstance(error, KeyError) else first)[:MESSAGE_LENGTH]
    return StoreError(f"{name}: damaged: {described}; train the head again")


def _check_classes(classes: object) -> None:
    if not isinstance(classes, list) or not all(isinstance(one, str) and one for one in classes):
        raise ValueError("its classes are not a list of names")
    # A lone surrogate cannot be encoded as UTF-8, so that nothing could write the label.
    "".join(classes).encode()
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise ValueError("its classes are fewer than two, or one comes twice")


def _check_design(design: object) -> None:
    if not isinstance(design, Mapping):
        raise TypeError("its design is no JSON object")
    for part, value in design.items():
        kind = DESIGN.get(part)
        # type() and not isinstance(): True is an int too.
        if kind is None or (value is not None and type(value) is not kind):
            raise ValueError(f"its design has an invalid value: {part} {value!r}")


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_number(text)
