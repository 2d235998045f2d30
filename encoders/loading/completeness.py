"""Refusing encoders with parts that transformers ignores: without them the features would be wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from transformers import PreTrainedConfig, PreTrainedModel

from encore.encoders.files import EncoderFiles
from encore.encoders.loading.digest import UNUSED_WEIGHTS
from encore.encoders.loading.kernels import nested_configs
from encore.featurestore.errors import UsageError

ADAPTER_FILE = "adapter_config.json"
DETOURS = ("transformers_weights", "fusion_config")
"""Settings that name another file of weights (possibly pickled), or replace layers of transformers."""
FETCHED = ("timm_backbone", "timm_wrapper")
"""Architectures of another library (timm). It looks a model up by name, and the name may be a repository's."""
MERGE = "merge it into the weights (peft: merge_and_unload), and give a folder with the merged encoder"

ADAPTER_WEIGHT = re.compile(
    r"(^|[._])(adapters?|lora|loha|lokr|ia3|prefix_(tuning|encoder)|prompt_embeddings?|base_layer)([._]|$)"
)
"""Parts of names that the libraries peft and adapters give to their weights."""

BUFFERS = re.compile(r"(^|\.)(position_ids|token_type_ids|inv_freq|masked_bias|attn(\.attention)?\.bias)$")
"""Computed buffers that earlier versions saved beside the weights: numbers of positions, angles, causal masks."""


def refuse_adapter(files: EncoderFiles) -> None:
    """Raise UsageError where the folder is an adapter or contains one: transformers may or may not load it."""
    if (files.folder / ADAPTER_FILE).is_file():
        raise files.refusal(f"its {ADAPTER_FILE} names an adapter, which Encore does not apply; {MERGE}")


def refuse_settings(files: EncoderFiles, config: PreTrainedConfig) -> None:
    """Raise UsageError for settings that earlier versions of transformers obeyed and this one ignores.

    Also for settings that make this version read files outside of the encoder, or read its files in another way.
    """
    source = f"encoder {files.source}: its config.json"
    positions = getattr(config, "position_embedding_type", None)
    if positions not in (None, "absolute") and "position_embedding_type" not in type(config)().to_dict():
        raise UsageError(
            f"{source} asks for position_embedding_type {positions!r}, which transformers no longer has for a"
            f" {config.model_type} model; choose an encoder with absolute positions"
        )
    if getattr(config, "pruned_heads", None):
        raise UsageError(
            f"{source} names pruned_heads, which transformers no longer leaves out; choose an encoder without them"
        )
    for part in nested_configs(config):
        if getattr(part, "quantization_config", None):
            raise UsageError(
                f"{source} has a quantization_config, and quantized weights are not read;"
                " give the encoder with float16, bfloat16 or float32 weights (dtype says what it runs in)"
            )
        for setting in DETOURS:
            if getattr(part, setting, None):
                raise UsageError(
                    f"{source} has {setting}, which Encore does not follow; load the encoder with it where you"
                    " trust it,"
                    " save_pretrained it without, and give that folder"
                )
        if part.model_type in FETCHED:
            raise UsageError(f"{source} names a {part.model_type} model, which is no text encoder; choose another")


def refuse_weights(files: EncoderFiles, model: PreTrainedModel, report: Mapping[str, Any]) -> None:
    """Raise UsageError unless the files hold exactly the weights of the model: none missing, none left over.

    Weights may be left over outside of the encoder: they belong to heads, and no feature depends on them.

    Args:
        files: the encoder's files.
        model: the model, as loaded from them.
        report: transformers' report on the names of the weights.
    """
    source = f"encoder {files.source}:"
    mismatched = [(name, *shapes) for name, *shapes in report["mismatched_keys"] if not name.startswith(UNUSED_WEIGHTS)]
    if mismatched:
        name, in_files, wanted = min(mismatched)
        raise UsageError(
            f"{source} {len(mismatched)} weights do not have the shape that its config.json says, {name} among them:"
            f" {tuple(in_files)}, not {tuple(wanted)}; give the config.json that was saved with the weights"
        )
    adapters = [name for name in report["unexpected_keys"] if ADAPTER_WEIGHT.search(name)]
    if adapters:
        raise UsageError(f"{source} {_some(adapters)} of an adapter, which Encore does not apply; {MERGE}")
    missing = [name for name in report["missing_keys"] if not name.startswith(UNUSED_WEIGHTS)]
    if missing:
        # transformers fills missing weights with random numbers. They would change every feature.
        raise UsageError(
            f"{source} {len(missing)} weights are not in its files, {min(missing)} among them;"
            " fetch or save the encoder again"
        )
    left = [name for name in report["unexpected_keys"] if _inside(model, name) and not BUFFERS.search(name)]
    if left:
        raise UsageError(
            f"{source} {_some(left)} inside the encoder that transformers does not know in a {model.config.model_type}"
            " model, and would leave out; the features would be wrong"
        )


def _inside(model: PreTrainedModel, name: str) -> bool:
    """Whether a weight that the model does not have belongs to its layers, and not to a head, pooler or embedding.

    Some known tables beside the embeddings are left over: DeBERTa's positions where it uses none, and the word
    embeddings of mDeBERTa's generator.
    """
    children = tuple(f"{child}." for child, _ in model.named_children())
    if not name.startswith(children):
        name = name.removeprefix(f"{model.base_model_prefix}.")
    if not name.startswith(children) or name.startswith(UNUSED_WEIGHTS):
        return False
    tables = [path for path, module in model.named_modules() if module is model.get_input_embeddings()]
    return not any(name.startswith(f"{path.rpartition('.')[0] or path}.") for path in tables)


def _some(names: Iterable[str]) -> str:
    first, *more = sorted(names)
    return f"its files hold {1 + len(more)} weights ({first}, …)" if more else f"its files hold a weight ({first})"
