"""How an encoder's numbers are computed is chosen here and not by its files, which may name code that is fetched.

transformers takes the name of a repository for an attention, downloads the kernel there and runs it; other names have
one of its own fetched, or a compiler started. None of that is a setting that a feature may depend on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants
from transformers import PreTrainedConfig

PLAIN = "eager"
"""The one attention that is taken from an encoder's files: plain products, which some ask for."""

PLAIN_EXPERTS = (PLAIN, "batched_mm", "grouped_mm")
"""The same for mixtures of experts: those that are written in torch."""


def choose_kernels(config: PreTrainedConfig) -> None:
    """Leave the choice of attention and experts to transformers, unless the files name a plain one; parts alike.

    transformers then takes torch's own scaled dot products where an architecture can, and plain ones elsewhere.
    """
    for part in parts_of(config):
        # As transformers sets it itself: what is set by the public name is set for all parts below.
        if part._attn_implementation != PLAIN:  # noqa: SLF001
            part._attn_implementation_internal = None  # noqa: SLF001
        if part._experts_implementation not in PLAIN_EXPERTS:  # noqa: SLF001
            part._experts_implementation_internal = None  # noqa: SLF001


def parts_of(config: PreTrainedConfig) -> Iterator[PreTrainedConfig]:
    """The settings of an encoder, and those of its parts that have an architecture of their own."""
    yield config
    for value in vars(config).values():
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, PreTrainedConfig):
                yield from parts_of(part)


@contextmanager
def without_hub() -> Iterator[None]:
    """Let nothing be asked of the hub inside, whatever a library may want from there; its setting is put back after.

    It is one of the process: only one thread at a time may be in here, and none may fetch an encoder meanwhile.
    """
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
