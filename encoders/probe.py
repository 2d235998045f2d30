"""What a loaded model turns out to be: layers, width and limits, asked of the model itself where settings differ."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from encoders.sources import EncoderFiles
from featurestore.errors import UsageError

PROBE = "a b c"


def hidden_shape(files: EncoderFiles, model: PreTrainedModel, tokenizer: Tokenizer) -> tuple[int, int]:
    """Number of layers and width of the encoder, seen by running it once.

    Raises:
        UsageError: it cannot be run on text alone, or gives no hidden state of every token and layer.
    """
    try:
        output = run_probe(model, tokenizer)
        layers = [*output.hidden_states[1:-1], output.last_hidden_state]
        shapes = {layer.shape for layer in layers}
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        kind = type(model).__name__
        raise UsageError(f"encoder {files.source}: {kind} gives no hidden states of text; choose an encoder") from error
    width = layers[-1].shape[-1]
    if shapes != {(1, len(tokenizer.encode(PROBE).ids), width)}:
        raise UsageError(f"encoder {files.source}: its layers do not all hold one vector of one width for each token")
    return len(layers), width


def run_probe(model: PreTrainedModel, tokenizer: Tokenizer) -> Any:
    """The encoder's output, all hidden states among it, for a few tokens."""
    return run_tokens(model, tokenizer.encode(PROBE).ids)


@torch.inference_mode()
def run_tokens(model: PreTrainedModel, tokens: Sequence[int]) -> Any:
    """The encoder's output, all hidden states among it, for one text of these token ids."""
    ids = torch.tensor([tokens], device=model.device)
    return model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True, return_dict=True)


def position_limit(model: PreTrainedModel) -> int | None:
    """Most tokens that the model has positions for; None where positions are relative and without limit."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Embedding) and name.endswith("position_embeddings"):
            # RoBERTa and its kin count positions from the one after padding's.
            return module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
    limit = getattr(model.config, "max_position_embeddings", None)
    return limit if limit is not None and limit > 0 else None


def vocabulary_size(model: PreTrainedModel) -> int:
    """Rows of the table of token embeddings."""
    table = model.get_input_embeddings().weight
    return len(cast(torch.Tensor, table))


def has_token_types(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether tokenizer and model tell the two texts of a pair apart by token types."""
    name = "token_type_ids"
    accepted = name in tokenizer.model_input_names and name in inspect.signature(model.forward).parameters
    return accepted and getattr(model.config, "type_vocab_size", 2) > 1
