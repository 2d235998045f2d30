"""Choosing how an encoder's numbers are computed. Its files must not choose: they may name code to download.

In these settings transformers accepts the name of a repository, downloads a kernel from it, and runs it. Other names
make it fetch a kernel of its own, or start a compiler. Features must not depend on any of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants
from transformers import PreTrainedConfig

EAGER = "eager"
"""The only attention that an encoder's files may choose: plain matrix products. Some encoders need it."""

PLAIN_EXPERTS = (EAGER, "batched_mm", "grouped_mm")
"""Computations for mixtures of experts that an encoder's files may choose: those written in torch."""


def choose_kernels(config: PreTrainedConfig) -> None:
    """Let transformers choose attention and experts, unless the files name a plain one; for each part of the encoder.

    transformers then uses torch's scaled dot product where an architecture can, and plain products elsewhere.
    """
    for part in nested_configs(config):
        # Set the private name, as transformers does: the public one would also change all parts below.
        if part._attn_implementation != EAGER:  # noqa: SLF001
            part._attn_implementation_internal = None  # noqa: SLF001
        if part._experts_implementation not in PLAIN_EXPERTS:  # noqa: SLF001
            part._experts_implementation_internal = None  # noqa: SLF001


def nested_configs(config: PreTrainedConfig) -> Iterator[PreTrainedConfig]:
    """The settings of an encoder and of its parts with their own architecture."""
    yield config
    for value in vars(config).values():
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, PreTrainedConfig):
                yield from nested_configs(part)


@contextmanager
def without_hub() -> Iterator[None]:
    """Prevent all requests to the hub inside the context, whatever a library wants. Restore the setting after it.

    It is a setting of the process: only one thread at a time may be inside, and no thread may fetch an encoder
    meanwhile.
    """
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
