"""Texts to token ids: windows of long texts, truncation, special tokens by the tokenizer's own template."""

from encore.encoders.text.template import SAMPLE_TEXT, Template
from encore.encoders.text.tokenizer import BlockTokenizer
from encore.encoders.text.truncation import kept_of_single

__all__ = ["SAMPLE_TEXT", "BlockTokenizer", "Template", "kept_of_single"]
