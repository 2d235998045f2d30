"""Tiny random encoders whose first vector is no summary of the text, one of each architecture that people try."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece
from transformers import (
    AutoModel,
    GPT2Config,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
    XLNetConfig,
)

from tests.models import VOCABULARY

SMALL = {"vocab_size": len(VOCABULARY), "num_hidden_layers": 2, "num_attention_heads": 2, "pad_token_id": 0}
WIDE = {**SMALL, "hidden_size": 16, "max_position_embeddings": 64}

CONFIGS: Mapping[str, Callable[[], PreTrainedConfig]] = {
    "t5": lambda: T5Config(**SMALL, d_model=16, d_kv=8, d_ff=32, is_encoder_decoder=False, use_cache=False),
    "gpt2": lambda: GPT2Config(**WIDE, initializer_range=0.2),
    "llama": lambda: LlamaConfig(**WIDE, intermediate_size=32, initializer_range=0.2),
    "xlnet": lambda: XLNetConfig(vocab_size=len(VOCABULARY), d_model=16, n_layer=2, n_head=2, d_inner=32),
}

TEMPLATES = {
    "t5": ("$A [SEP]", "$A [SEP] $B [SEP]"),
    "gpt2": ("$A", "$A [SEP] $B"),
    "llama": ("[CLS] $A", "[CLS] $A [SEP] $B"),
    "xlnet": ("$A [SEP] [CLS]", "$A [SEP] $B [SEP] [CLS]"),
}
"""How each lays out a text, and a pair: T5 ends it, GPT-2 adds nothing, Llama begins it, XLNet's summary is last."""

FIRST_TOKENS = {"t5": "text", "gpt2": "text", "llama": "constant", "xlnet": "text"}
"""What `EncoderSpec.first_token` says of each."""


@cache
def without_summary(kind: str) -> str:
    """The directory of the encoder ``kind`` of `CONFIGS`, with a WordPiece tokenizer; made once a test run."""
    directory = mkdtemp(prefix=f"encore-{kind}-")
    ids = {piece: number for number, piece in enumerate(VOCABULARY)}
    backend = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    single, pair = TEMPLATES[kind]
    backend.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=[(piece, ids[piece]) for piece in ("[CLS]", "[SEP]")]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=64, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(directory)
    config = CONFIGS[kind]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = T5EncoderModel(config) if kind == "t5" else AutoModel.from_config(config)
    model.save_pretrained(directory)
    return directory


def reason(kind: str) -> str:
    """What is said of an encoder, saved by `without_summary`, when ``cls`` is asked for."""
    name = Path(without_summary(kind)).name
    constant = FIRST_TOKENS[kind] == "constant"
    return (
        f"the first vector of {name} is the same for every text" if constant else f"{name} puts no special token first"
    )
