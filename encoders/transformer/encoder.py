"""A loaded encoder: the frozen Transformer, its tokenizer, and what is needed to use them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock

import torch
from tokenizers import Tokenizer

from encore.encoders.batches import NO_PADDING, Padding
from encore.encoders.transformer.taps import LayerTaps
from encore.featurestore.errors import UsageError
from encore.featurestore.spec import EncoderSpec, TextSpec


class Memo:
    """Question → answer. While one thread looks for an answer, the others wait."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, bool] = {}
        self._lock = Lock()

    def ask(self, question: Hashable, find: Callable[[], bool]) -> bool:
        """The answer to a question. The first call finds it by ``find``; an exception of ``find`` is not kept."""
        with self._lock:
            if question not in self._answers:
                self._answers[question] = find()
            return self._answers[question]


@dataclass(frozen=True, eq=False)
class Encoder:
    """The frozen Transformer on its device, shared by threads: nothing of it changes after loading.

    Attributes:
        spec: identity and provenance.
        model: the encoder part of the Transformer, in evaluation mode, without gradients.
        tokenizer: fast tokenizer, without truncation and padding.
        device: where the model is.
        default_max_length: tokens of a document unless a spec says otherwise, special tokens included.
        default_truncation_side: ``right`` or ``left``: which end of a text is cut unless a spec says otherwise.
        position_limit: most tokens that the model has positions for and attends to; None where it has no such limit.
        pad_id: token id that fills batches.
        vocabulary: rows of the embedding table; a token id at or above it cannot be encoded.
        token_types: whether the model tells the two texts of a pair apart by token types.
        padding: how far batches are padded beyond their longest document, or that all their documents have one length.
        boundaries: numbers of tokens, rising, at which the settings say that the encoder computes in another way.
        memo: answers that were found about the encoder after loading.
        taps: give the output of layers while the model runs; None where layers are read only after the run.
    """

    spec: EncoderSpec
    model: torch.nn.Module = field(repr=False)
    tokenizer: Tokenizer = field(repr=False)
    device: torch.device
    default_max_length: int
    default_truncation_side: str
    position_limit: int | None
    pad_id: int
    vocabulary: int
    token_types: bool
    padding: Padding = NO_PADDING
    boundaries: tuple[int, ...] = ()
    memo: Memo = field(default_factory=Memo, repr=False)
    taps: LayerTaps | None = field(default=None, repr=False)

    def text_spec(self, max_length: int | None = None, truncation_side: str | None = None) -> TextSpec:
        """How this encoder takes text; special tokens are stored. None takes the encoder's default.

        Raises:
            UsageError: there is no such side, or the length has no room for a single token.
        """
        return TextSpec(
            self.default_max_length if max_length is None else max_length,
            self.default_truncation_side if truncation_side is None else truncation_side,
        )

    def check_max_length(self, max_length: int) -> None:
        """Raise UsageError unless the model has positions for documents of this many tokens."""
        if self.position_limit is not None and max_length > self.position_limit:
            raise UsageError(
                f"max length {max_length}: {self.spec.name} takes at most {self.position_limit} tokens;"
                f" ask for {self.position_limit} or fewer"
            )
