"""Tiny randomly initialised encoders on disk, saved as a user would save them. No network, no wait."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, WordPiece
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
    RobertaTokenizer,
)

SPECIAL_PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CHARACTERS = tuple(sorted(set(string.printable.lower()) - set(string.whitespace)))
WORDS = ("the", "of", "to", "and", "in", "is", "news", "film", "good", "bad", "##ing", "##ed", "##er")
VOCABULARY = (*SPECIAL_PIECES, *CHARACTERS, *(f"##{c}" for c in CHARACTERS), *WORDS)
"""Printable ASCII characters, alone and as continuations, so that any ASCII text has pieces; some words."""


def tiny_bert(
    directory: Path | str,
    *,
    layers: int = 3,
    hidden: int = 32,
    heads: int = 2,
    seed: int = 0,
    vocabulary: Sequence[str] = VOCABULARY,
    max_positions: int = 64,
) -> Path:
    """Save a random BERT and its lower-casing WordPiece tokenizer under ``directory``; return it.

    The texts "" and U+200B have no tokens; a pair is ``[CLS] a [SEP] b [SEP]`` with token types 0 and 1.
    """
    directory = Path(directory)
    ids = {piece: i for i, piece in enumerate(dict.fromkeys(vocabulary))}
    backend = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    tokenizer = BertTokenizer(tokenizer_object=backend, model_max_length=max_positions)
    tokenizer.save_pretrained(directory)
    config = BertConfig(
        vocab_size=len(ids),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=2 * hidden,
        max_position_embeddings=max_positions,
        initializer_range=0.2,
    )
    return _save(BertModel, config, seed, directory)


def tiny_roberta(
    directory: Path | str,
    *,
    layers: int = 3,
    hidden: int = 32,
    heads: int = 2,
    seed: int = 0,
    max_length: int = 64,
) -> Path:
    """Save a random RoBERTa and its byte-level BPE tokenizer under ``directory``; return it.

    One token is one byte. It has no token types, its positions start at 2, and a pair is
    ``<s> a </s></s> b </s>``.
    """
    directory = Path(directory)
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "<mask>"]
    ids = {piece: i for i, piece in enumerate(pieces)}
    backend = Tokenizer(BPE(ids, [], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer = RobertaTokenizer(tokenizer_object=backend, model_max_length=max_length)
    tokenizer.save_pretrained(directory)
    config = RobertaConfig(
        vocab_size=len(ids),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=2 * hidden,
        max_position_embeddings=max_length + 2,
        type_vocab_size=1,
        initializer_range=0.2,
    )
    return _save(RobertaModel, config, seed, directory)


def _save(model: type[PreTrainedModel], config: PreTrainedConfig, seed: int, directory: Path) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model(config, add_pooling_layer=False).save_pretrained(directory)
    return directory
