"""Tokenizers of every kind that reads a text in another way, trained in a moment on a few lines."""

from __future__ import annotations

from functools import cache

from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE, Unigram, WordPiece
from tokenizers.trainers import BpeTrainer, UnigramTrainer, WordPieceTrainer

LINES = (
    "the quick brown fox jumps over the lazy dog, again and again. ",
    "aaaaaaaaaaaa bbbb abab ababab aabaabaab abcabcabc xyxyxy",
    "1234567 890 12 3456 . . . . .... -- --- ---- ======",
    "漢字漢字仮名交じり文 漢漢漢字 仮名名 naïve café cafe\u0301 Ångström a\u030a",
) * 3


def bpe(pieces: int, pre: object = None, normalizer: object = None, **options: object) -> Tokenizer:
    tokenizer = Tokenizer(BPE(unk_token="[UNK]", **options))
    alphabet = pre_tokenizers.ByteLevel.alphabet() if isinstance(pre, pre_tokenizers.ByteLevel) else []
    trainer = BpeTrainer(vocab_size=pieces, special_tokens=["[UNK]"], initial_alphabet=alphabet, show_progress=False)
    return _trained(tokenizer, pre, normalizer, trainer)


def unigram(pre: object = None, normalizer: object = None) -> Tokenizer:
    trainer = UnigramTrainer(vocab_size=120, special_tokens=["[UNK]"], unk_token="[UNK]", show_progress=False)
    return _trained(Tokenizer(Unigram()), pre, normalizer, trainer)


def word_piece(longest: int, pre: object, normalizer: object) -> Tokenizer:
    trainer = WordPieceTrainer(vocab_size=150, special_tokens=["[UNK]"], show_progress=False)
    tokenizer = _trained(Tokenizer(WordPiece(unk_token="[UNK]")), pre, normalizer, trainer)
    tokenizer.model.max_input_chars_per_word = longest
    return tokenizer


def _trained(tokenizer: Tokenizer, pre: object, normalizer: object, trainer: object) -> Tokenizer:
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.add_special_tokens(["[SEP]"])
    tokenizer.add_tokens([AddedToken("foo bar", normalized=True), AddedToken("<mask>", lstrip=True, rstrip=True)])
    return tokenizer


@cache
def every_kind() -> dict[str, Tokenizer]:
    """Kind → tokenizer, each with special and added tokens."""
    bert, metaspace = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.Metaspace()
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"), byte_level])
    blanks = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    llama = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    plain = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    return {
        "WordPiece": word_piece(100, pre_tokenizers.BertPreTokenizer(), bert),
        "WordPiece of short words": word_piece(20, pre_tokenizers.BertPreTokenizer(), bert),
        "WordPiece without words": word_piece(30, None, plain),
        "byte-level BPE": bpe(500, byte_level),
        "byte-level BPE with a prefix space": bpe(500, pre_tokenizers.ByteLevel(add_prefix_space=True)),
        "byte-level BPE with digits in threes": bpe(500, digits),
        "BPE with a suffix of words": bpe(300, pre_tokenizers.Whitespace(), plain, end_of_word_suffix="</w>"),
        "BPE without words": bpe(800),
        "BPE without words, as Llama's": bpe(200, None, llama, fuse_unk=True),
        "BPE of five characters": bpe(200, pre_tokenizers.FixedLength(5)),
        "Unigram": unigram(metaspace, blanks),
        "Unigram with a first prefix": unigram(pre_tokenizers.Metaspace(prepend_scheme="first"), normalizers.NFKC()),
        "Unigram without a split": unigram(pre_tokenizers.Metaspace(split=False)),
        "Unigram without words": unigram(),
    }
