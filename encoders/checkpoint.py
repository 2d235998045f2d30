"""Reading an encoder's files with transformers: settings, fast tokenizer, safetensors weights; never remote code."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForTextEncoding,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING, MODEL_MAPPING

from encoders.digest import UNUSED_WEIGHTS
from encoders.sources import EncoderFiles
from featurestore.errors import UsageError
from featurestore.panics import panics_as_errors

LOAD_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, AttributeError, SafetensorError)
"""What transformers raises for files that it cannot make sense of."""


def load_config(files: EncoderFiles) -> PreTrainedConfig:
    """The encoder's settings.

    Raises:
        UsageError: there is no config.json, or transformers does not know the architecture without remote code.
    """
    if not (files.folder / "config.json").is_file():
        raise UsageError(f"encoder {files.source}: no config.json there; give the directory of a saved Transformer")
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(files.folder, trust_remote_code=False)
    except LOAD_ERRORS as error:
        raise _refusal(files, "its config.json cannot be used", error) from error
    return config


def load_tokenizer(files: EncoderFiles) -> PreTrainedTokenizerBase:
    """The encoder's fast tokenizer.

    Raises:
        UsageError: there is none, or only a slow one.
    """
    try:
        with panics_as_errors():
            tokenizer = AutoTokenizer.from_pretrained(files.folder, use_fast=True, trust_remote_code=False)
            if tokenizer.is_fast:
                # One that cannot do this fails later, and on every text.
                tokenizer.backend_tokenizer.encode("a b c", "a")
    except Exception as error:  # the tokenizers library raises Exception itself
        raise _refusal(files, "its tokenizer cannot be loaded", error) from error
    # Without any tokenizer file, transformers makes up a tokenizer of special tokens alone.
    if not tokenizer.is_fast or len(tokenizer) <= len(tokenizer.all_special_ids):
        raise UsageError(f"encoder {files.source}: no fast tokenizer (tokenizer.json) there; save one beside the model")
    return tokenizer


def unlimited(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """A copy of a fast tokenizer's backend that neither truncates nor pads, whatever its file says."""
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_truncation()
    backend.no_padding()
    return backend


def load_model(files: EncoderFiles, config: PreTrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    """The encoder part of the model, on the CPU, without heads and pooler.

    Raises:
        UsageError: no safetensors, weights missing or damaged, or no encoder.
    """
    if not any((files.folder / f"model.safetensors{suffix}").is_file() for suffix in ("", ".index.json")):
        raise UsageError(
            f"encoder {files.source}: no model.safetensors there; pickled weights are never loaded,"
            " so load them once where you trust them and save_pretrained them again"
        )
    encoders = type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING
    mapping = MODEL_FOR_TEXT_ENCODING_MAPPING if encoders else MODEL_MAPPING
    architecture: Any = mapping.get(type(config), None)
    if architecture is None or (config.is_encoder_decoder and not encoders):
        raise UsageError(f"encoder {files.source}: a {config.model_type} model is no text encoder")
    options = {"add_pooling_layer": False} if _can_leave_out_pooler(architecture) else {}
    auto = AutoModelForTextEncoding if encoders else AutoModel
    model: PreTrainedModel
    try:
        model, report = auto.from_pretrained(
            files.folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    except LOAD_ERRORS as error:
        raise _refusal(files, "its weights cannot be loaded", error) from error
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(UNUSED_WEIGHTS))
    if missing:
        # transformers fills them with random numbers, which would be stored as features.
        raise UsageError(
            f"encoder {files.source}: {len(missing)} weights are not in its files, {missing[0]} among them"
        )
    return model


def _can_leave_out_pooler(architecture: Any) -> bool:
    # Some settings stand for several architectures; none of those has a pooler.
    return not isinstance(architecture, tuple) and "add_pooling_layer" in inspect.signature(architecture).parameters


def _refusal(files: EncoderFiles, what: str, error: Exception) -> UsageError:
    if "trust_remote_code" in str(error):
        return UsageError(
            f"encoder {files.source}: needs code of its own, and remote code is never run; choose another"
        )
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return UsageError(f"encoder {files.source}: {what}: {lines[0]}")
