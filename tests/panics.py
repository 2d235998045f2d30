"""A tokenizer whose regular expression gives up, as onig does beyond its limit of retries: a real panic."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Regex, Tokenizer, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tests.models import SPECIAL_PIECES, tiny_bert

KEYS_AND_WORDS = Regex(r"(?:\w+\s?)+:|\w+|[^\w\s]")
"""``some key: value`` as tokens; of a long run of words without a colon it tries every way to cut it."""

GIVES_UP = "a" * 60
"""The expression takes more than all retries to find that no colon follows; `REASON` is what is said then."""

REASON = "the tokenizer fails on it: Onig: Regex search error: retry-limit-in-match over"


def giving_up(tokenizer: Tokenizer) -> Tokenizer:
    """A copy of a tokenizer with that expression."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.pre_tokenizer = pre_tokenizers.Split(KEYS_AND_WORDS, "isolated")
    return copy


def tiny_bert_giving_up(directory: Path | str) -> Path:
    """`tiny_bert` whose tokenizer has it."""
    directory = tiny_bert(directory)
    backend = giving_up(Tokenizer.from_file(str(directory / "tokenizer.json")))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL_PIECES, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=64, **names).save_pretrained(directory)
    return directory


def panic() -> None:
    """Raise what Python sees of a panic."""
    tokenizer = Tokenizer.from_str(
        '{"version":"1.0","added_tokens":[],"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}}'
    )
    giving_up(tokenizer).encode(GIVES_UP)
