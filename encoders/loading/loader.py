"""Loading an encoder: files to a frozen Transformer on its device, with a fast tokenizer and an identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from encore.encoders.batches import EQUAL_LENGTHS, NO_PADDING, Padding
from encore.encoders.behaviour import (
    SHORT_LENGTHS,
    boundaries_of,
    check_runs,
    first_token_of,
    hidden_shape,
    padding_shows,
    position_limit,
    run_sample,
    tells_texts_apart,
    vocabulary_size,
)
from encore.encoders.device import resolve_device, resolve_dtype
from encore.encoders.files import EncoderFiles, SentenceSettings, find_files, quiet_transformers
from encore.encoders.loading.completeness import refuse_adapter
from encore.encoders.loading.components import load_config, load_model, load_tokenizer, unlimited
from encore.encoders.loading.digest import tokenizer_digest, weights_digest
from encore.encoders.loading.kernels import without_hub
from encore.encoders.transformer import MULTIPLE, Encoder, LayerTaps, has_onednn, use_onednn
from encore.featurestore.spec import EncoderSpec

LENGTH_WITHOUT_LIMIT = 512
"""Default max length of an encoder that names no limit of its own."""

NO_LIMIT = 1 << 30
"""transformers writes lengths above this where a tokenizer names no limit."""


def load_encoder(
    name: str, *, device: str = "auto", dtype: str = "float32", trainable: bool = False, download: bool = True
) -> Encoder:
    """Load a frozen encoder.

    Args:
        name: ``minilm`` or ``package:minilm``, ``hf:ID``, a directory, or a hub ID.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        dtype: ``float32``, ``bfloat16`` or ``float16``: what the forward pass runs in.
        trainable: keep the model trainable and savable. Without this, inference is faster.
        download: whether the hub may be asked. Give False for a name that was read from a file.

    Raises:
        UsageError: there is no such encoder or device; the files hold no encoder that loads from safetensors, without
            remote code and with a fast tokenizer; or the features of a text depend on more than the text.
    """
    target = resolve_device(device)
    compute = resolve_dtype(dtype, target)
    files = find_files(name, download=download)
    refuse_adapter(files)
    sentence = SentenceSettings.of(files)
    with quiet_transformers(), without_hub():
        config = load_config(files)
        tokenizer = load_tokenizer(files)
        model = load_model(files, config, torch.float32)
        weights = weights_digest(model)
        model.train(mode=False).requires_grad_(requires_grad=False)
        backend = unlimited(tokenizer, lower_case=sentence.lower_case)
        num_layers, hidden_size = hidden_shape(files, model, backend)
        first_token = first_token_of(model, backend)
        token_types = tells_texts_apart(model, backend)
    limit, vocabulary = position_limit(model), vocabulary_size(model)
    # Padding is masked, but its token needs an embedding. Not every tokenizer's padding token has one.
    pad_ids = (getattr(config, "pad_token_id", None), tokenizer.pad_token_id)
    pad_id = next((pad_id for pad_id in pad_ids if pad_id is not None and 0 <= pad_id < vocabulary), 0)
    encoder = Encoder(
        spec=EncoderSpec(
            weights=weights,
            tokenizer=tokenizer_digest(backend),
            hidden_size=hidden_size,
            num_layers=num_layers,
            compute_dtype=dtype,
            name=files.name,
            source=files.source,
            revision=files.revision,
            first_token=first_token,
        ),
        model=model,
        tokenizer=backend,
        device=torch.device("cpu"),
        default_max_length=_default_max_length(files, sentence, tokenizer, limit),
        default_truncation_side=tokenizer.truncation_side,
        position_limit=limit,
        pad_id=pad_id,
        vocabulary=vocabulary,
        token_types=token_types,
        boundaries=boundaries_of(config.to_dict()),
    )
    with quiet_transformers(), without_hub():
        # Check in float32, where rounding hides nothing.
        if padding_shows(encoder, SHORT_LENGTHS, layers=True):
            encoder = replace(encoder, padding=EQUAL_LENGTHS)
        if compute != torch.float32:
            # Load again instead of casting: transformers knows which parts must keep their precision.
            model = load_model(files, config, compute)
            model.train(mode=False).requires_grad_(requires_grad=False)
        torch.nn.Module.to(model, target)
        if compute != torch.float32:
            check_runs(files, model, backend, dtype)
        encoder = replace(encoder, model=model, device=target)
        return encoder if trainable else _for_inference(encoder, model, lambda: hidden_shape(files, model, backend))


def _for_inference(encoder: Encoder, model: PreTrainedModel, probe: Callable[[], object]) -> Encoder:
    """Make the encoder's model faster, so that it can no longer be trained. ``probe`` runs the model once."""
    # oneDNN keeps code for each number of rows. Batches of equal lengths have too many different numbers.
    if encoder.device.type == "cpu" and encoder.padding == NO_PADDING and has_onednn() and use_onednn(model, probe):
        encoder = replace(encoder, padding=Padding(MULTIPLE, encoder.position_limit))
    return replace(encoder, taps=LayerTaps.find(model, lambda: run_sample(model, encoder.tokenizer)))


def _default_max_length(
    files: EncoderFiles, sentence: SentenceSettings, tokenizer: PreTrainedTokenizerBase, limit: int | None
) -> int:
    """The default max length: the training length of a sentence encoder, else the tokenizer's and the model's limit."""
    named = tokenizer.model_max_length
    if type(named) not in (int, float) or not named >= 1:
        raise files.refusal(
            f"its tokenizer_config.json has model_max_length {named!r}; write a number of tokens there, or null"
        )
    known = [sentence.max_length or (int(named) if named < NO_LIMIT else None), limit]
    return min((length for length in known if length is not None), default=LENGTH_WITHOUT_LIMIT)
