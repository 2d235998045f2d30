"""Whether an encoder's features of a document depend on what else is in its batch, found out by running it.

What is stored of a document is what a plain pass of it alone gives. Most encoders mask padding wherever it could be
seen. Some do not (ConvBERT, FNet, MobileBERT with a trained padding row, Nyströmformer, YOSO), or compute otherwise
once the longest text of a batch is beyond a boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from encore.encoders.batches import EQUAL_LENGTHS, NO_PADDING, Index, TokenBlock
from encore.encoders.behaviour.agreement import differ
from encore.encoders.passes import batch_inputs, hidden_states
from encore.encoders.transformer import Encoder, ModelState, changes, restored_after, state_of
from encore.featurestore.common import first_line
from encore.featurestore.documents import offsets_of
from encore.featurestore.errors import UsageError

SHORT = (4, 9)
"""Tokens of the texts that every encoder is run on."""


def with_safe_padding(encoder: Encoder, max_length: int) -> Encoder:
    """The encoder, with batches of equal lengths where it needs them for documents of up to so many tokens.

    It is run on texts around each boundary that its settings name, once for all threads.

    Raises:
        UsageError: it cannot give documents of such lengths the features that they have alone.
    """
    crossed = (boundary for boundary in encoder.boundaries if boundary <= max_length)
    around = [tuple(n for n in (b - 1, b, b + 1) if n <= max_length) for b in crossed]
    # A list: each boundary is to be asked about, since any can be refused.
    shows = [encoder.memo.ask(lengths, partial(padding_shows, encoder, lengths)) for lengths in around]
    return replace(encoder, padding=EQUAL_LENGTHS) if any(shows) else encoder


@torch.inference_mode()
def padding_shows(encoder: Encoder, lengths: Sequence[int], *, layers: bool = False) -> bool:
    """Whether documents of these lengths have other features in a padded batch than alone.

    Args:
        encoder: is left as it was found.
        lengths: tokens of the documents, rising.
        layers: compare all layers, which takes the memory of all, and not the last one alone: so it is asked when the
            encoder is loaded.

    Raises:
        UsageError: its features are random, or depend on what it encoded before, on other documents of the same length,
            or on a setting that a longer document changes and threads would share; or it fails.
    """
    limit = max(lengths) if encoder.position_limit is None else encoder.position_limit
    asked = sorted({min(length, limit) for length in lengths})
    try:
        return _compare(encoder, asked, layers=layers)
    except torch.OutOfMemoryError:
        # What does not fit cannot be compared; batches of equal lengths are never wrong for want of room.
        return True
    except torch.AcceleratorError:
        raise
    except (RuntimeError, ValueError, IndexError) as error:
        told = " or ".join(map(str, asked))
        said = first_line(error)
        advice = "choose another" if layers else "ask for a lower max length"
        raise _refusal(encoder, f"fails at texts of {told} tokens; {advice}: {said}") from error


def _compare(encoder: Encoder, lengths: Sequence[int], *, layers: bool) -> bool:
    runs = _Runs.of(encoder, lengths, layers=layers)
    with restored_after(encoder.model):
        encoder.model.eval()
        alone = [runs.fresh(number) for number in range(len(lengths))]
        _require_settings(encoder, runs.before, alone[0].after)
        with restored_after(encoder.model):
            padded = runs.together(range(len(lengths) + 1))
            shows = any(differ(one.states, states) for one, states in zip(alone, padded, strict=False))
            # What keeps nothing of a run gives the same in the next one.
            if runs.differ_in_context:
                _require_context(encoder, padded[0], padded[-1])
            kept = shows or changes(runs.before, state_of(encoder.model))
            again = runs.together([0])[0] if kept else alone[0].states
        if kept:
            _require_own(encoder, runs, alone[0].states, again)
    _require_nothing_shared(encoder, lengths, alone, shows=shows)
    return shows


@dataclass(frozen=True, eq=False)
class _Alone:
    """A document's hidden states (layers, tokens, d) by a plain pass, and the model's settings after it."""

    states: torch.Tensor
    after: ModelState


@dataclass(frozen=True, eq=False)
class _Runs:
    """Runs of an encoder on made-up documents, batched as documents are."""

    encoder: Encoder
    tokens: TokenBlock
    numbers: range
    before: ModelState

    @classmethod
    def of(cls, encoder: Encoder, lengths: Sequence[int], *, layers: bool) -> _Runs:
        """Documents of these lengths, and after them one more of the first's, which ends in the same token."""
        last = encoder.spec.num_layers
        tokens = _made_up(encoder, [*lengths, lengths[0]])
        return cls(
            replace(encoder, padding=NO_PADDING, taps=None),
            tokens,
            range(0 if layers else last, last + 1),
            state_of(encoder.model),
        )

    @property
    def differ_in_context(self) -> bool:
        """Whether the last document has other tokens than the first before the last one, which they share."""
        length = int(self.tokens.lengths[0])
        return not np.array_equal(self.tokens.ids[: length - 1], self.tokens.ids[-length:-1])

    def fresh(self, document: int) -> _Alone:
        """A document alone, by the model as it was loaded."""
        with restored_after(self.encoder.model):
            return _Alone(self.together([document])[0], state_of(self.encoder.model))

    def together(self, documents: Sequence[int]) -> list[torch.Tensor]:
        """The hidden states of each of some documents in one batch."""
        at: Index = np.array(documents, np.int64)
        inputs = batch_inputs(self.encoder, self.tokens, at)
        states = torch.stack(hidden_states(self.encoder, inputs.tensors, self.numbers))
        return [states[:, row, :length] for row, length in enumerate(self.tokens.lengths[at].tolist())]


def _made_up(encoder: Encoder, lengths: Sequence[int]) -> TokenBlock:
    """Documents of random tokens of the vocabulary, none of them special."""
    special = {id_ for id_, token in encoder.tokenizer.get_added_tokens_decoder().items() if token.special}
    usable = np.ones(encoder.vocabulary, bool)
    usable[[id_ for id_ in (encoder.pad_id, *special) if id_ < encoder.vocabulary]] = False
    of_vocabulary = np.flatnonzero(usable)
    at = np.random.default_rng(0).integers(len(of_vocabulary), size=sum(lengths))
    # The last document differs from the first in one token at least, and not in the last one.
    at[-lengths[0]] = (at[0] + 1) % len(of_vocabulary)
    at[-1] = at[lengths[0] - 1]
    ids = of_vocabulary[at].astype(np.int32)
    return TokenBlock(
        ids=ids,
        types=np.zeros_like(ids),
        special=np.zeros(len(ids), bool),
        offsets=offsets_of(np.array(lengths, np.int64)),
        truncated=np.zeros(len(lengths), bool),
        first_lengths=np.array(lengths, np.int64),
    )


def _require_context(encoder: Encoder, first: torch.Tensor, other: torch.Tensor) -> None:
    """Raise UsageError where two documents that end in the same token have the same state for it.

    MRA attends to nothing where its CUDA kernels are not there, without a word.
    """
    if torch.allclose(first[-1, -1], other[-1, -1], rtol=1e-5, atol=1e-7):
        raise _refusal(encoder, "gives a token the same features in any text: it needs kernels that are not here")


def _require_own(encoder: Encoder, runs: _Runs, first: torch.Tensor, again: torch.Tensor) -> None:
    """Raise UsageError where the first document's states were others later, or are beside another one of its length."""
    if differ(first, again):
        random = differ(first, runs.fresh(0).states)
        how = "each time it runs" if random else "after a longer text than before"
        raise _refusal(encoder, f"gives a text other features {how}")
    if differ(first, runs.together([0, len(runs.tokens) - 1])[0]):
        raise _refusal(encoder, "gives a text other features beside another one of the same length")


def _require_nothing_shared(encoder: Encoder, lengths: Sequence[int], alone: Sequence[_Alone], *, shows: bool) -> None:
    """Raise UsageError where documents of some of the lengths leave the model with other settings than the others do.

    Then equal lengths are not enough: threads that run the model at once would see each other's. Where nothing
    ``shows`` it is no matter, unless it is the rounding of half precision that hides it: other angles of positions,
    say, by 2 %. Tables that grow with the text are none of that.
    """
    if not shows and alone[0].states.dtype == torch.float32:
        return
    for length, one in zip(lengths, alone, strict=True):
        moved = changes(alone[0].after, one.after)
        if not shows:
            moved = [name for name in moved if _of_one_shape(alone[0].after[name], one.after[name])]
        if moved:
            raise _refusal(
                encoder,
                f"changes {moved[0].lstrip('.')} for texts of {length} or more tokens, which batches and threads share;"
                f" ask for a max length below {length}",
            )


def _of_one_shape(one: object, other: object) -> bool:
    return isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor) and one.shape == other.shape


def _require_settings(encoder: Encoder, before: ModelState, after: ModelState) -> None:
    """Raise UsageError where a short text changed what config.json says, for good."""
    config = getattr(encoder.model, "config", None)
    for name in changes(before, after):
        setting = name.rpartition(".")[2]
        if hasattr(config, setting) and isinstance(after[name], str):
            raise _refusal(
                encoder,
                f"changes its {setting} from {before[name]} to {after[name]} at the first short text, and keeps it;"
                f' write "{setting}": "{after[name]}" into config.json of a copy of it',
            )


def _refusal(encoder: Encoder, what: str) -> UsageError:
    return UsageError(f"encoder {encoder.spec.source}: {type(encoder.model).__name__} {what}")
