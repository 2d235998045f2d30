"""Checking the sizes in an encoder's settings against its weights, before memory is allocated for these sizes.

transformers makes every weight as large as ``config.json`` says. Where the files hold another shape, it fills the
weight with random numbers and reports it. A claim of 10⁹ words would take 4 TB.
"""

from __future__ import annotations

from itertools import chain

import torch
from transformers import PreTrainedConfig
from transformers.initialization import no_init_weights

from encore.encoders.files import EncoderFiles, weight_files
from encore.encoders.loading.kernels import nested_configs
from encore.featurestore.spec import MOST_LAYERS

TIMES = 8
"""Most bytes in memory for each byte of the files: weights of four bits or more become float32."""

BESIDE = 1 << 28
"""Bytes of a model that may have no weights in the files: poolers, numbers of positions, causal masks."""


def check_layers(files: EncoderFiles, config: PreTrainedConfig) -> None:
    """Raise UsageError where the settings claim more layers than any encoder has: transformers would make each."""
    for part in nested_configs(config):
        layers = getattr(part, "num_hidden_layers", None)
        if isinstance(layers, int) and layers > MOST_LAYERS:
            raise files.refusal(f"its config.json claims {layers:,} layers, more than any has")


def check_sizes(files: EncoderFiles, config: PreTrainedConfig, auto: type) -> None:
    """Check that an encoder is no larger than its weights, by building it on the meta device.

    Args:
        files: the encoder's files, with its weights.
        config: the encoder's settings.
        auto: class that builds an encoder from settings.

    Raises:
        UsageError: the encoder is larger.
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
