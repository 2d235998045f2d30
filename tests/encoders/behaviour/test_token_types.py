"""Token types are given where the template has them and the model has segments, whatever a tokenizer's class says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from encore.encoders import FeatureExtractor, load_encoder
from tests.encoders.plain import block, plain_features, spec_for
from tests.models import tiny_bert

TEXTS, PAIRS = ["the news", "good film", "bad"], ["of the film", "in the news", "is"]


@pytest.mark.parametrize("generic", ["PreTrainedTokenizerFast", "TokenizersBackend"])
def test_pairs_keep_their_segments_under_a_tokenizer_of_a_generic_class(generic: str, tmp_path: Path) -> None:
    path = tiny_bert(tmp_path)
    spec = spec_for(load_encoder(str(path), device="cpu"), layers="layer:3")
    makers = plain_features(path, TEXTS, PAIRS, spec)
    settings = path / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"tokenizer_class": generic}))
    assert "token_type_ids" not in AutoTokenizer.from_pretrained(path).model_input_names
    encoder = load_encoder(str(path), device="cpu")
    assert encoder.token_types
    for number, expected in enumerate(makers):
        documents = block(TEXTS[number : number + 1], PAIRS[number : number + 1])
        (own,) = FeatureExtractor(encoder, spec_for(encoder, layers="layer:3")).activations(documents)
        torch.testing.assert_close(own, expected, rtol=1e-4, atol=1e-4)
