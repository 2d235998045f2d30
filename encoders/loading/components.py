"""Reading an encoder's files with transformers: settings, fast tokenizer, safetensors weights; never remote code."""

from __future__ import annotations

import inspect
import json
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.normalizers import Lowercase, Sequence
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

from encore.encoders.files import EncoderFiles, check_json_objects, check_names, weight_files
from encore.encoders.loading.completeness import refuse_settings, refuse_weights
from encore.encoders.loading.kernels import choose_kernels
from encore.encoders.loading.limits import check_layers, check_sizes
from encore.featurestore.common import first_line, panics_as_errors
from encore.featurestore.errors import UsageError

TOKENIZER_FILES = ("tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json")
"""JSON files that a tokenizer is loaded from."""

SENTENCEPIECE = "encore-featurestore[sentencepiece]"
"""The extra that installs a version of sentencepiece which works with the protobuf of other packages."""


def load_config(files: EncoderFiles) -> PreTrainedConfig:
    """Load the encoder's settings.

    Raises:
        UsageError: there is no config.json, or the architecture needs remote code.
    """
    if not (files.folder / "config.json").is_file():
        raise files.refusal("no config.json there; give the directory of a saved Transformer")
    check_json_objects(files, ("config.json",))
    check_names(files)
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(files.folder, trust_remote_code=False)
    except Exception as error:
        raise _refusal(files, "its config.json cannot be used", error) from error
    choose_kernels(config)
    return config


def load_tokenizer(files: EncoderFiles) -> PreTrainedTokenizerBase:
    """Load the encoder's fast tokenizer.

    Raises:
        UsageError: there is none, only a slow one, or one that gives a text different tokens each time.
    """
    try:
        with panics_as_errors():
            tokenizer = AutoTokenizer.from_pretrained(files.folder, use_fast=True, trust_remote_code=False)
            if getattr(tokenizer, "is_fast", False):
                # Try it now: a tokenizer that fails here would later fail on every text.
                tokenizer.backend_tokenizer.encode("a b c", "a")
    except Exception as error:  # the tokenizers library raises Exception itself
        check_json_objects(files, TOKENIZER_FILES)
        _check_sentencepiece(files, error)
        raise _refusal(files, "its tokenizer cannot be loaded", error) from error
    if not getattr(tokenizer, "is_fast", False) or _made_up(files, tokenizer):
        raise files.refusal("no fast tokenizer (tokenizer.json) there; save one beside the model")
    if getattr(tokenizer.backend_tokenizer.model, "dropout", None):
        raise files.refusal(
            "its tokenizer splits words at random (dropout), so the same text would get other tokens"
            " each time; set dropout to null in tokenizer.json"
        )
    return tokenizer


def _made_up(files: EncoderFiles, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether transformers found no vocabulary file and made up a vocabulary of little more than special tokens."""
    names = tokenizer.vocab_files_names
    there = any((files.folder / name).is_file() for name in ("tokenizer.json", *names.values()))
    return len(tokenizer) <= len(tokenizer.all_special_ids) or ("vocab_file" in names and not there)


def _check_sentencepiece(files: EncoderFiles, error: Exception) -> None:
    """Raise UsageError where the only tokenizer is a SentencePiece model, and the package that converts it is missing.

    Without the package, transformers takes the file for one of another package.
    """
    models = sorted(path.name for path in files.folder.glob("*.model"))
    unread = any(package in str(error).lower() for package in ("sentencepiece", "tiktoken"))
    if models and unread and not (files.folder / "tokenizer.json").is_file():
        raise files.refusal(
            f"its tokenizer is {models[0]} alone, without a tokenizer.json, and could not be"
            f' converted; pip install "{SENTENCEPIECE}",\nor save a tokenizer.json beside it where that is installed:'
            " AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )


def unlimited(tokenizer: PreTrainedTokenizerBase, *, lower_case: bool = False) -> Tokenizer:
    """Copy a fast tokenizer's backend, without truncation and padding, whatever its file says.

    Args:
        tokenizer: the tokenizer, as loaded.
        lower_case: whether the copy lower-cases texts first.
    """
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    # This setting is the only one that the serialised tokenizer does not contain.
    backend.encode_special_tokens = tokenizer.split_special_tokens
    backend.no_truncation()
    backend.no_padding()
    if lower_case and not _lower_cases(json.loads(backend.to_str())["normalizer"]):
        own = [] if backend.normalizer is None else [backend.normalizer]
        backend.normalizer = Sequence([Lowercase(), *own])
    return backend


def _lower_cases(normalizer: dict[str, Any] | None) -> bool:
    if normalizer is None:
        return False
    if normalizer["type"] == "Sequence":
        return any(map(_lower_cases, normalizer["normalizers"]))
    return normalizer["type"] == "Lowercase" or normalizer.get("lowercase") is True


def load_model(files: EncoderFiles, config: PreTrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    """Load the encoder part of the model to the CPU, without heads and pooler.

    Raises:
        UsageError: the folder has no safetensors, weights are missing or damaged, or the model is no encoder.
    """
    weight_files(files)
    encoders = type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING
    mapping = MODEL_FOR_TEXT_ENCODING_MAPPING if encoders else MODEL_MAPPING
    architecture: Any = mapping.get(type(config), None)
    refuse_settings(files, config)
    if architecture is None or (config.is_encoder_decoder and not encoders):
        raise files.refusal(f"a {config.model_type} model is no text encoder; choose another")
    options = {"add_pooling_layer": False} if _can_leave_out_pooler(architecture) else {}
    auto = AutoModelForTextEncoding if encoders else AutoModel
    model: PreTrainedModel
    check_layers(files, config)
    try:
        check_sizes(files, config, auto)
        model, report = auto.from_pretrained(
            files.folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            # Let transformers report mismatched shapes, with names, instead of raising.
            ignore_mismatched_sizes=True,
            **options,
        )
    except UsageError:
        raise
    except Exception as error:
        raise _refusal(files, "its weights cannot be loaded", error) from error
    refuse_weights(files, model, report)
    return model


def _can_leave_out_pooler(architecture: Any) -> bool:
    # Some settings classes serve several architectures. None of these has a pooler.
    return not isinstance(architecture, tuple) and "add_pooling_layer" in inspect.signature(architecture).parameters


def _refusal(files: EncoderFiles, what: str, error: Exception) -> UsageError:
    if "trust_remote_code" in str(error):
        return files.refusal("needs code of its own, and remote code is never run; choose another")
    said = first_line(error)
    if said.endswith((":", "(")):
        # Some errors name their subject on lines of its own.
        said += f" {str(error).strip().splitlines()[-1].strip()}"
    return files.refusal(f"{what}: {'no such name: ' if isinstance(error, KeyError) else ''}{said}")
