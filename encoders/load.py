"""Loading an encoder: files to a frozen Transformer on its device, with a fast tokenizer and an identity."""

from __future__ import annotations

import torch
from transformers import PreTrainedTokenizerBase

from encoders.batching import NO_PADDING, Padding
from encoders.checkpoint import load_config, load_model, load_tokenizer, unlimited
from encoders.device import resolve_device, resolve_dtype
from encoders.digest import tokenizer_digest, weights_digest
from encoders.encoder import Encoder
from encoders.first_token import first_token_of
from encoders.onednn import MULTIPLE, has_onednn, use_onednn
from encoders.probe import has_token_types, hidden_shape, position_limit, run_probe, vocabulary_size
from encoders.quiet import quiet_transformers
from encoders.sentence import SentenceSettings
from encoders.sources import EncoderFiles, find_files
from encoders.taps import LayerTaps
from encoders.unread import refuse_adapter
from featurestore.errors import UsageError
from featurestore.spec import EncoderSpec

LENGTH_WITHOUT_LIMIT = 512
"""Default max length of an encoder that names no limit of its own."""

NO_LIMIT = 1 << 30
"""transformers writes lengths above this where a tokenizer names no limit."""


def load_encoder(name: str, *, device: str = "auto", dtype: str = "float32", trainable: bool = False) -> Encoder:
    """Load a frozen encoder.

    Args:
        name: ``minilm`` or ``package:minilm``, ``hf:ID``, a directory, or a hub ID.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        dtype: ``float32``, ``bfloat16`` or ``float16``: what the forward pass runs in.
        trainable: keep the model such that it can be trained and saved; inference alone is faster without that.

    Raises:
        UsageError: no such encoder or device, or files that hold no encoder which loads from safetensors, without
            remote code, with a fast tokenizer.
    """
    target = resolve_device(device)
    compute = resolve_dtype(dtype, target)
    files = find_files(name)
    refuse_adapter(files)
    sentence = SentenceSettings.of(files)
    with quiet_transformers():
        config = load_config(files)
        tokenizer = load_tokenizer(files)
        model = load_model(files, config, torch.float32)
        weights = weights_digest(model)
        if compute != torch.float32:
            # Loaded anew and not cast: transformers knows which parts must keep their precision.
            model = load_model(files, config, compute)
        torch.nn.Module.to(model, target)
        model.train(mode=False).requires_grad_(requires_grad=False)
        backend = unlimited(tokenizer, lower_case=sentence.lower_case)
        num_layers, hidden_size = hidden_shape(files, model, backend)
        first_token = first_token_of(model, backend)
        own_maps = target.type == "cpu" and not trainable and has_onednn()
        own_maps = own_maps and use_onednn(model, lambda: hidden_shape(files, model, backend))
        taps = None if trainable else LayerTaps.find(model, lambda: run_probe(model, backend))
    limit, vocabulary = position_limit(model), vocabulary_size(model)
    # Whatever fills a batch is masked, but it must have an embedding: not every tokenizer's padding has.
    pad_ids = (getattr(config, "pad_token_id", None), tokenizer.pad_token_id)
    pad_id = next((pad_id for pad_id in pad_ids if pad_id is not None and 0 <= pad_id < vocabulary), 0)
    return Encoder(
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
        device=target,
        default_max_length=_default_max_length(files, sentence, tokenizer, limit),
        default_truncation_side=tokenizer.truncation_side,
        position_limit=limit,
        pad_id=pad_id,
        vocabulary=vocabulary,
        token_types=has_token_types(model, tokenizer),
        padding=Padding(MULTIPLE, limit) if own_maps else NO_PADDING,
        taps=taps,
    )


def _default_max_length(
    files: EncoderFiles, sentence: SentenceSettings, tokenizer: PreTrainedTokenizerBase, limit: int | None
) -> int:
    """The length its makers trained a sentence encoder with, else the tokenizer's and the model's own limit."""
    named = tokenizer.model_max_length
    if type(named) not in (int, float) or not named >= 1:
        raise UsageError(
            f"encoder {files.source}: its tokenizer_config.json has model_max_length {named!r};"
            " write a number of tokens there, or null"
        )
    known = [sentence.max_length or (int(named) if named < NO_LIMIT else None), limit]
    return min((length for length in known if length is not None), default=LENGTH_WITHOUT_LIMIT)
