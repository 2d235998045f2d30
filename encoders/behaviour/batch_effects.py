"""Whether an encoder's features of a document depend on the rest of its batch, found by running the encoder.

Encore stores the features that a document gets alone, in a plain pass. Most encoders mask padding everywhere. Some do
not (ConvBERT, FNet, MobileBERT with a trained padding row, Nyströmformer, YOSO). Others compute in another way once the
longest text of a batch is longer than a boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from encore.encoders.batches import EQUAL_LENGTHS, NO_PADDING, TokenBlock
from encore.encoders.behaviour.agreement import states_differ
from encore.encoders.passes import batch_inputs, hidden_states
from encore.encoders.transformer import Encoder, ModelState, restored_after, state_changes, state_of
from encore.featurestore.common import Int64s, first_line
from encore.featurestore.documents import offsets_of
from encore.featurestore.errors import UsageError

SHORT_LENGTHS = (4, 9)
"""Tokens of the test documents that every encoder is run on."""


def with_safe_padding(encoder: Encoder, max_length: int) -> Encoder:
    """The encoder, with batches of equal lengths if it needs them for documents of up to ``max_length`` tokens.

    This runs the encoder on documents around each boundary that its settings name, once for all threads.

    Raises:
        UsageError: in no kind of batch does the encoder give such documents the features that they have alone.
    """
    crossed = (boundary for boundary in encoder.boundaries if boundary <= max_length)
    around = [tuple(n for n in (b - 1, b, b + 1) if n <= max_length) for b in crossed]
    # A list and no generator: any() would stop early, but every boundary must be checked, since any can be refused.
    shows = [encoder.memo.ask(lengths, partial(padding_shows, encoder, lengths)) for lengths in around]
    return replace(encoder, padding=EQUAL_LENGTHS) if any(shows) else encoder


@torch.inference_mode()
def padding_shows(encoder: Encoder, lengths: Sequence[int], *, layers: bool = False) -> bool:
    """Whether documents of these lengths have other features in a padded batch than alone.

    Args:
        encoder: the encoder; its model does not change.
        lengths: tokens of the documents, rising.
        layers: compare all layers, as loading does, and not only the last one. This needs memory for all layers.

    Raises:
        UsageError: the features are random; or they depend on what the encoder encoded before, on other documents of
            the same length, or on a setting that a longer document changes and threads share; or the encoder fails.
    """
    limit = max(lengths) if encoder.position_limit is None else encoder.position_limit
    asked = sorted({min(length, limit) for length in lengths})
    try:
        return _compare(encoder, asked, layers=layers)
    except torch.OutOfMemoryError:
        # Such documents do not fit together and cannot be compared. Batches of equal lengths are always right.
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
            shows = any(states_differ(one.states, states) for one, states in zip(alone, padded, strict=False))
            # A model that keeps nothing of a run gives the same in the next one, so that it need not run again.
            if runs.differ_in_context:
                _require_context(encoder, padded[0], padded[-1])
            kept = shows or state_changes(runs.before, state_of(encoder.model))
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
    """Runs of an encoder on random documents, in batches as for real ones."""

    encoder: Encoder
    tokens: TokenBlock
    numbers: range
    before: ModelState

    @classmethod
    def of(cls, encoder: Encoder, lengths: Sequence[int], *, layers: bool) -> _Runs:
        """Make documents of these lengths, then one more with the length and the last token of the first."""
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
        """Whether the first and the last document differ before their last token, which they share."""
        length = int(self.tokens.lengths[0])
        return not np.array_equal(self.tokens.ids[: length - 1], self.tokens.ids[-length:-1])

    def fresh(self, document: int) -> _Alone:
        """Run a document alone, with the model as it was loaded."""
        with restored_after(self.encoder.model):
            return _Alone(self.together([document])[0], state_of(self.encoder.model))

    def together(self, documents: Sequence[int]) -> list[torch.Tensor]:
        """The hidden states of each of some documents in one batch."""
        at: Int64s = np.array(documents, np.int64)
        inputs = batch_inputs(self.encoder, self.tokens, at)
        states = torch.stack(hidden_states(self.encoder, inputs.tensors, self.numbers))
        return [states[:, row, :length] for row, length in enumerate(self.tokens.lengths[at].tolist())]


def _made_up(encoder: Encoder, lengths: Sequence[int]) -> TokenBlock:
    """Documents of random tokens of the vocabulary, without special tokens."""
    special = {id_ for id_, token in encoder.tokenizer.get_added_tokens_decoder().items() if token.special}
    usable = np.ones(encoder.vocabulary, bool)
    usable[[id_ for id_ in (encoder.pad_id, *special) if id_ < encoder.vocabulary]] = False
    of_vocabulary = np.flatnonzero(usable)
    at = np.random.default_rng(0).integers(len(of_vocabulary), size=sum(lengths))
    # The last document differs from the first in at least one token, but not in the last token.
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

    Without its CUDA kernels, MRA attends to nothing and raises no error.
    """
    if torch.allclose(first[-1, -1], other[-1, -1], rtol=1e-5, atol=1e-7):
        raise _refusal(
            encoder,
            "gives a token the same features in any text, since kernels that it needs are not installed;"
            " choose another",
        )


def _require_own(encoder: Encoder, runs: _Runs, first: torch.Tensor, again: torch.Tensor) -> None:
    """Raise UsageError where the first document's states change in a later run, or beside a document of its length."""
    if states_differ(first, again):
        random = states_differ(first, runs.fresh(0).states)
        how = "each time it runs" if random else "after a longer text than before"
        raise _refusal(encoder, f"gives a text other features {how}; choose another")
    if states_differ(first, runs.together([0, len(runs.tokens) - 1])[0]):
        raise _refusal(encoder, "gives a text other features beside another text of the same length; choose another")


def _require_nothing_shared(encoder: Encoder, lengths: Sequence[int], alone: Sequence[_Alone], *, shows: bool) -> None:
    """Raise UsageError where documents of one length leave other values in the model than documents of another length.

    Then equal lengths are not enough: threads that run the model at the same time would use each other's values. If
    padding does not show in float32, such values change no feature. In half precision rounding may hide a change, for
    example of the angles of positions by 2 %. Then only values that keep their shape count: tables that grow with the
    text do no harm.
    """
    if not shows and alone[0].states.dtype == torch.float32:
        return
    for length, one in zip(lengths, alone, strict=True):
        moved = state_changes(alone[0].after, one.after)
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
    """Raise UsageError where a short text permanently changed a setting of config.json."""
    config = getattr(encoder.model, "config", None)
    for name in state_changes(before, after):
        setting = name.rpartition(".")[2]
        if hasattr(config, setting) and isinstance(after[name], str):
            raise _refusal(
                encoder,
                f"changes its {setting} from {before[name]} to {after[name]} at the first short text, and keeps it;"
                f' write "{setting}": "{after[name]}" into config.json of a copy of it',
            )


def _refusal(encoder: Encoder, what: str) -> UsageError:
    return UsageError(f"encoder {encoder.spec.source}: {type(encoder.model).__name__} {what}")
