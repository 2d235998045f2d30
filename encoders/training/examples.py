"""The training data of an encoder: the tokens and classes of one task's documents."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from encore.encoders.batches import TokenBlock
from encore.encoders.documents import DocumentBlock
from encore.encoders.text import BlockTokenizer
from encore.encoders.transformer import Encoder
from encore.featurestore.common import Int64s
from encore.featurestore.errors import DataError, UsageError


@dataclass(frozen=True, eq=False)
class TaskTokens:
    """Labelled documents of a task, tokenized once.

    Attributes:
        task: its name.
        tokens: of every document.
        codes: (documents,) int64: position of each one's class in the outputs of the task's head.
    """

    task: str
    tokens: TokenBlock
    codes: Int64s

    def __post_init__(self) -> None:
        if len(self.tokens) != len(self.codes):
            raise ValueError(f"task {self.task}: {len(self.tokens)} documents, {len(self.codes)} classes")
        if not len(self.codes):
            raise DataError(f"task {self.task}: has no documents; label some")

    @classmethod
    def tokenize(
        cls, encoder: Encoder, task: str, documents: DocumentBlock, codes: Int64s, max_length: int | None = None
    ) -> TaskTokens:
        """Tokenize documents as the encoder sees them.

        Args:
            encoder: gives the tokenizer and the limits.
            task: name of the task.
            documents: texts, or pairs of texts.
            codes: (documents,) int64 classes.
            max_length: tokens of a document, special ones included; None takes the encoder's default.

        Raises:
            UsageError: the tokenizer cannot join pairs, or the encoder has no positions for this length.
            DataError: the tokenizer fails on a text, or the encoder has no embedding for a token.
        """
        text = encoder.text_spec(max_length)
        encoder.check_max_length(text.max_length)
        tokenizer = BlockTokenizer.build(encoder.tokenizer, text)
        try:
            tokens = tokenizer.tokenize(documents)
        except UsageError as error:
            raise UsageError(f"task {task}: {error}") from error
        if tokens.failures:
            raise DataError(f"task {task}: a text cannot be used: {next(iter(tokens.failures.values()))}; leave it out")
        # Check this on the host: an embedding look-up out of range ends all work on a CUDA device.
        if np.any(tokens.ids >= encoder.vocabulary):
            raise DataError(
                f"task {task}: a text has a token that {encoder.spec.name} has no embedding for; leave the text out"
            )
        return cls(task, tokens, np.asarray(codes, np.int64))

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.codes)

    @property
    def digest(self) -> str:
        """sha256 (hex) of every token and class, in order."""
        digest = hashlib.sha256()
        for values in (self.tokens.offsets, self.tokens.ids, self.tokens.types, self.codes):
            digest.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
        return digest.hexdigest()
