"""Settings that sentence-transformers saves beside a Transformer, and that change the tokens of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from encore.encoders.files.json_objects import read_object
from encore.encoders.files.sources import EncoderFiles
from encore.featurestore.errors import UsageError

PROMPTS_FILE = "config_sentence_transformers.json"
SETTINGS_FILES = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
"""Names of the settings file in versions of sentence-transformers. The first one that exists counts."""

ARGUMENTS = ("model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs")
"""Settings with arguments that sentence-transformers passes on to transformers."""

HARMLESS_ARGUMENTS = re.compile(
    r"add_pooling_layer|attn_implementation|(torch_)?dtype|device_map|low_cpu_mem_usage|use_(cache|fast|safetensors)"
    r"|cache_dir|local_files_only|revision|token|trust_remote_code|padding(_side)?|pad_to_multiple_of|return_tensors"
)
"""Passed-on arguments that change no feature of a text."""


@dataclass(frozen=True)
class SentenceSettings:
    """Settings of a sentence encoder. The defaults suit an encoder that is not one.

    Attributes:
        max_length: most tokens of a text, as in its training; None where no limit is named.
        lower_case: whether texts are lower-cased before the tokenizer sees them.
    """

    max_length: int | None = None
    lower_case: bool = False

    @classmethod
    def of(cls, files: EncoderFiles) -> SentenceSettings:
        """Read the settings in an encoder's folder.

        Raises:
            UsageError: they cannot be read, or ask for something that Encore does not do: a prompt before every text,
                arguments of the tokenizer or the model, texts as chat messages.
        """
        _refuse_default_prompt(files)
        found = ((name, read_object(files, name)) for name in SETTINGS_FILES)
        name, settings = next(((name, settings) for name, settings in found if settings), (SETTINGS_FILES[0], None))
        settings = settings or {}
        source = f"encoder {files.source}: its {name}"
        for key, argument in _arguments(settings):
            raise UsageError(
                f"{source} sets {argument!r} in {key}, which Encore does not; load the encoder with it once,"
                " save_pretrained model and tokenizer, and give that folder"
            )
        modalities = settings.get("modality_config")
        if isinstance(modalities, Mapping) and modalities and "text" not in modalities:
            raise UsageError(f"{source} takes texts as messages of a chat only; choose an encoder of plain text")
        length, lower_case = settings.get("max_seq_length"), settings.get("do_lower_case")
        if length is not None and (type(length) is not int or length < 1):
            raise UsageError(f"{source} has max_seq_length {length!r}; write a number of tokens there, or null")
        if lower_case not in (None, True, False):
            raise UsageError(f"{source} has do_lower_case {lower_case!r}; write true or false there")
        return cls(length, bool(lower_case))


def _refuse_default_prompt(files: EncoderFiles) -> None:
    settings = read_object(files, PROMPTS_FILE) or {}
    name, prompts = settings.get("default_prompt_name"), settings.get("prompts")
    if not isinstance(prompts, Mapping | None) or not isinstance(name, str | None):
        raise files.refusal(
            f"its {PROMPTS_FILE} has no table of prompts, or no name of one as"
            " default_prompt_name; mend it, or fetch the encoder again"
        )
    prompt = prompts.get(name) if name and prompts else None
    if prompt:
        text = repr(prompt) if len(repr(prompt)) <= 60 else f"{repr(prompt)[:57]}..."
        raise files.refusal(
            f"its makers put {text} before every text (default_prompt_name in"
            f" {PROMPTS_FILE}), which Encore does not;\nwrite it before the texts of the corpus, and set"
            " default_prompt_name to null in a copy of the encoder"
        )


def _arguments(settings: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Each passed-on argument that could change a feature: the name of the setting, and the argument."""
    processing = settings.get("processing_kwargs")
    if isinstance(processing, Mapping):
        handed_on = [("processing_kwargs", processing.get(kind)) for kind in ("common", "text")]
    else:
        handed_on = [("processing_kwargs", processing)]
    for key, arguments in [*handed_on, *((key, settings.get(key)) for key in ARGUMENTS)]:
        if isinstance(arguments, Mapping):
            yield from ((key, argument) for argument in arguments if not HARMLESS_ARGUMENTS.fullmatch(argument))
        elif arguments is not None:
            yield key, arguments
