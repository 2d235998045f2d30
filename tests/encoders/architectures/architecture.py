"""A row of the table of architectures, and the tiny random model that it stands for."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING

WORDS = tuple(string.ascii_lowercase + string.digits)
"""The whole vocabulary: a text of n of these words is n tokens."""

FIRST, LAST, PAD = "<s>", "</s>", "<pad>"

PIECES = (FIRST, PAD, LAST, "<unk>", "<mask>", *WORDS)
"""Pieces laid out as RoBERTa's: padding is 1, and positions count from 2."""

PAD_ID = PIECES.index(PAD)

TEMPLATES = {
    "bert": (f"{FIRST} $A {LAST}", f"{FIRST} $A:0 {LAST}:0 $B:1 {LAST}:1"),
    "roberta": (f"{FIRST} $A {LAST}", f"{FIRST} $A {LAST} {LAST} $B:0 {LAST}:0"),
    "t5": (f"$A {LAST}", f"$A {LAST} $B:0 {LAST}:0"),
    "xlnet": (f"$A:0 {LAST}:0 {FIRST}:2", f"$A:0 {LAST}:0 $B:1 {LAST}:1 {FIRST}:2"),
    "llama": (f"{FIRST} $A", f"{FIRST} $A {FIRST}:1 $B:1"),
    "gpt2": ("$A", "$A $B:1"),
}
"""Template of one text and of two, after the tokenizers of these models."""

LENGTHS = (1, 2, 5, 6, 7, 8, 9, 14, 15, 16, 17, 31, 100)
"""Tokens of the texts that are encoded, special ones not counted: on both sides of the boundaries of the settings."""

AS_ANY, EQUAL_LENGTHS, REFUSED = "in batches", "in batches of equal lengths", "refused"


@dataclass(frozen=True)
class Architecture:
    """One row.

    Attributes:
        name: as its makers write it, and what sets the row apart.
        model_type: transformers' name of the architecture.
        settings: of a tiny one.
        taken: `AS_ANY`, `EQUAL_LENGTHS` or `REFUSED`.
        template: key of `TEMPLATES`.
        segments: whether the model tells the texts of a pair apart by token types.
        limit: tokens that it has positions for; None where there is no limit.
        max_length: of the documents in the test.
        words: pattern that the refusal matches.
        remark: a sentence for the page.
        of: class of the model, where the architecture has several.
        short: whether it is in the shorter half of the tests.
    """

    name: str
    model_type: str
    settings: Mapping[str, Any] = field(repr=False)
    taken: str = AS_ANY
    template: str = "bert"
    segments: bool = False
    limit: int | None = 64
    max_length: int = 40
    words: str = ""
    remark: str = ""
    of: str = ""
    short: bool = False

    @property
    def longest(self) -> int:
        """Most tokens that a document can have in the test of limits."""
        return self.max_length if self.max_length < 40 else self.limit or 80

    @property
    def pairs(self) -> bool:
        """Whether pairs are taken: the template has to separate them."""
        return self.taken != REFUSED and self.template != "gpt2"


def save(architecture: Architecture, directory: Path) -> Path:
    """A random model of the architecture and its tokenizer under ``directory``; returns it."""
    tokenizer_for(architecture.template).save_pretrained(directory)
    build(architecture).save_pretrained(directory)
    return directory


def build(architecture: Architecture) -> PreTrainedModel:
    """The model, all its weights random: padding rows and biases too, which transformers starts with zeros."""
    config = AutoConfig.for_model(architecture.model_type, **architecture.settings)
    config.architectures = [architecture.of] if architecture.of else None
    auto = AutoModelForTextEncoding if type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING else AutoModel
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: PreTrainedModel = auto.from_config(config).eval().requires_grad_(requires_grad=False)
        for weight in model.parameters():
            noise = torch.randn_like(weight)
            weight.copy_(0.3 * noise if weight.dim() > 1 else weight + 0.2 * noise)
    return model


def tokenizer_for(template: str) -> PreTrainedTokenizerFast:
    """A word-level tokenizer of a generic class."""
    ids = {piece: i for i, piece in enumerate(PIECES)}
    backend = Tokenizer(WordLevel(ids, unk_token="<unk>"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    single, pair = TEMPLATES[template]
    special = [(FIRST, ids[FIRST]), (LAST, ids[LAST])]
    backend.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=special)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=PAD, unk_token="<unk>", bos_token=FIRST, eos_token=LAST, mask_token="<mask>"
    )
