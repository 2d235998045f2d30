"""What an encoder's settings claim, held against its weights, before memory is taken for what they claim.

transformers makes every weight as large as ``config.json`` says, fills those that the files hold in another shape with
random numbers, and reports them: a claim of 10⁹ words would be 4 TB of them.
"""

from __future__ import annotations

from itertools import chain

import torch
from transformers import PreTrainedConfig
from transformers.initialization import no_init_weights

from encore.encoders.files import EncoderFiles, weight_files
from encore.encoders.loading.kernels import parts_of
from encore.featurestore.spec import MOST_LAYERS

TIMES = 8
"""Bytes in memory for each of the files: weights of four bits or more become float32."""

BESIDE = 1 << 28
"""Bytes that need no weights in the files: poolers, numbers of positions, causal masks."""


def check_layers(files: EncoderFiles, config: PreTrainedConfig) -> None:
    """Raise UsageError where the settings claim more layers than any encoder has: each would be made."""
    for part in parts_of(config):
        layers = getattr(part, "num_hidden_layers", None)
        if isinstance(layers, int) and layers > MOST_LAYERS:
            raise files.refusal(f"its config.json claims {layers:,} layers, more than any has")


def check_sizes(files: EncoderFiles, config: PreTrainedConfig, auto: type) -> None:
    """See that an encoder is no larger than its weights, by making it without memory.

    Args:
        files: the encoder's, whose weights have been found.
        config: its settings.
        auto: what makes an encoder of settings.

    Raises:
        UsageError: it is.
    """
    held = sum(path.stat().st_size for path in weight_files(files))
    with torch.device("meta"), no_init_weights():
        model: torch.nn.Module = auto.from_config(config, trust_remote_code=False)  # type: ignore[attr-defined]
    claimed = sum(tensor.nbytes for tensor in chain(model.parameters(), model.buffers()))
    if claimed > TIMES * held + BESIDE:
        raise files.refusal(
            f"its config.json claims weights of {claimed / 1e9:,.1f} GB, and its files have"
            f" {held / 1e9:,.1f} GB; give the config.json that was saved with the weights"
        )
