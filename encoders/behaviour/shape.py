"""Layers, width and limits of a loaded model, found in the model itself: the names of settings differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from encore.encoders.behaviour.boundaries import attended_limit
from encore.encoders.files import EncoderFiles
from encore.encoders.transformer import restored_after
from encore.featurestore.common import first_line

SAMPLE_WORDS = "a b c"


def hidden_shape(files: EncoderFiles, model: PreTrainedModel, tokenizer: Tokenizer) -> tuple[int, int]:
    """Number of layers and width of the encoder, found by running it once.

    Raises:
        UsageError: the model cannot run on text alone, or does not give a hidden state for every token and layer.
    """
    try:
        output = run_sample(model, tokenizer)
        layers = [*output.hidden_states[1:-1], output.last_hidden_state]
        shapes = {layer.shape for layer in layers}
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        kind = type(model).__name__
        raise files.refusal(
            f"{kind} gives no hidden states of text; choose an encoder ({first_line(error)})"
        ) from error
    width = layers[-1].shape[-1]
    if shapes != {(1, len(tokenizer.encode(SAMPLE_WORDS).ids), width)}:
        raise files.refusal("its layers do not all hold one vector of one width for each token; choose another")
    return len(layers), width


def run_sample(model: PreTrainedModel, tokenizer: Tokenizer) -> Any:
    """Run the model on a few tokens. Return its output with all hidden states; leave the model as it was."""
    return run_tokens(model, tokenizer.encode(SAMPLE_WORDS).ids)


@torch.inference_mode()
def run_tokens(model: PreTrainedModel, tokens: Sequence[int]) -> Any:
    """Run the model on one text of these token ids. Return its output with all hidden states."""
    ids = torch.tensor([tokens], device=model.device)
    with restored_after(model):
        return model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True, return_dict=True)


def check_runs(files: EncoderFiles, model: PreTrainedModel, tokenizer: Tokenizer, dtype: str) -> None:
    """Raise UsageError where the model runs in float32 but not with its weights in this ``dtype``.

    Some models make float32 numbers of their own whatever the weights are (DeBERTa, XLNet). FNet's Fourier transform
    does not exist in bfloat16.
    """
    try:
        run_sample(model, tokenizer)
    except torch.AcceleratorError:
        raise
    except (RuntimeError, TypeError, ValueError) as error:
        kind, said = type(model).__name__, first_line(error)
        raise files.refusal(f"{kind} does not run in {dtype} here; ask for dtype float32 ({said})") from error


def position_limit(model: PreTrainedModel) -> int | None:
    """Most tokens that the model has positions for and attends to; None where it has no such limit."""
    settings = [getattr(model.config, name, None) for name in ("max_position_embeddings", "max_seq_len")]
    limits = [limit for limit in [*settings, attended_limit(model.config.to_dict())] if limit is not None and limit > 0]
    # Recognise a table by its weight and not by its class: I-BERT has its own class.
    tables = (module for name, module in model.named_modules() if name.endswith("position_embeddings"))
    table = next((table for table in tables if isinstance(getattr(table, "weight", None), torch.Tensor)), None)
    if table is not None:
        # RoBERTa and similar models count positions from the one after the padding position.
        padding = getattr(table, "padding_idx", None)
        limits.append(len(table.weight) - (0 if padding is None else padding + 1))
    return min(limits, default=None)


def vocabulary_size(model: PreTrainedModel) -> int:
    """Rows of the table of token embeddings."""
    try:
        table = model.get_input_embeddings().weight
    except NotImplementedError:
        # Some architectures do not say which of their tables holds the embeddings.
        return int(model.config.vocab_size)
    return len(cast(torch.Tensor, table))
