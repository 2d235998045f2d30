"""Loading an encoder, and every way in which there is none to load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BartConfig,
    BartModel,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    GPT2Config,
    GPT2Model,
    SqueezeBertConfig,
    SqueezeBertModel,
    T5Config,
    T5Model,
)
from transformers.utils import logging

from encore.encoders import Encoder, FeatureExtractor, load_encoder
from encore.featurestore.errors import UsageError
from encore.featurestore.spec import TextSpec
from tests.encoders.architectures import named, save
from tests.encoders.editing import edit_json
from tests.encoders.plain import block, spec_for
from tests.models import VOCABULARY, tiny_bert


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tiny_bert(tmp_path / "model")


def with_model(path: Path, model: Any) -> Path:
    """Another model's settings and weights beside the tiny tokenizer."""
    model.save_pretrained(path)
    return path


def assert_refused(path: Path | str, match: str) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        load_encoder(str(path), device="cpu")
    assert len(str(caught.value).splitlines()) <= 2


def test_bert_is_loaded_with_its_facts(bert: Encoder, bert_path: Path) -> None:
    assert (bert.spec.hidden_size, bert.spec.num_layers) == (32, 3)
    assert (bert.default_max_length, bert.position_limit) == (64, 64)
    assert (bert.pad_id, bert.vocabulary, bert.token_types) == (0, len(VOCABULARY), True)
    assert (bert.spec.source, bert.spec.name, bert.spec.revision) == (str(bert_path), bert_path.name, None)


def test_roberta_counts_positions_from_behind_its_padding(roberta: Encoder) -> None:
    assert (roberta.default_max_length, roberta.position_limit) == (64, 64)
    assert (roberta.pad_id, roberta.token_types) == (1, False)
    full = block(["x" * 100])
    assert FeatureExtractor(roberta, spec_for(roberta)).extract(full).rejected == ()


def test_the_model_is_frozen_and_has_no_pooler(bert: Encoder) -> None:
    assert not bert.model.training
    assert not any(weight.requires_grad for weight in bert.model.parameters())
    assert not any("pooler" in name for name, _ in bert.model.named_parameters())
    assert bert.model.config._attn_implementation == "sdpa"


def test_the_repr_says_what_it_is_in_few_words(bert: Encoder) -> None:
    assert len(repr(bert)) < 1000


def test_loading_prints_nothing_and_leaves_transformers_settings(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    verbosity = logging.get_verbosity()
    logging.set_verbosity_info()
    try:
        load_encoder(str(path), device="cpu", dtype="bfloat16")
        assert capfd.readouterr() == ("", "")
        assert logging.get_verbosity() == logging.INFO
        assert logging.is_progress_bar_enabled()
    finally:
        logging.set_verbosity(verbosity)


def test_a_sentence_encoder_s_own_length_is_the_default(path: Path) -> None:
    edit_json(path / "sentence_bert_config.json", max_seq_length=24)
    assert load_encoder(str(path), device="cpu").default_max_length == 24
    edit_json(path / "sentence_bert_config.json", max_seq_length=1000)
    assert load_encoder(str(path), device="cpu").default_max_length == 64


def test_the_side_that_its_tokenizer_cuts_is_the_default(path: Path, bert: Encoder) -> None:
    assert bert.text_spec() == TextSpec(64, "right")
    edit_json(path / "tokenizer_config.json", truncation_side="left")
    encoder = load_encoder(str(path), device="cpu")
    assert encoder.text_spec() == TextSpec(64, "left")
    assert encoder.text_spec(20, "right") == TextSpec(20, "right")
    assert encoder.spec == bert.spec


def test_an_encoder_without_position_limit_takes_any_length(path: Path) -> None:
    config = T5Config(vocab_size=len(VOCABULARY), d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2)
    with_model(path, T5Model(config))
    edit_json(path / "tokenizer_config.json", model_max_length=None)
    encoder = load_encoder(str(path), device="cpu")
    assert type(encoder.model).__name__ == "T5EncoderModel"
    assert (encoder.position_limit, encoder.default_max_length, encoder.spec.num_layers) == (None, 512, 2)
    assert FeatureExtractor(encoder, spec_for(encoder, max_length=2000)).extract(block(["x " * 1000])).tokens == 1002


def test_a_decoder_that_gives_hidden_states_is_taken_as_it_is(path: Path) -> None:
    with_model(path, GPT2Model(GPT2Config(vocab_size=200, n_embd=16, n_layer=2, n_head=2, n_positions=32)))
    encoder = load_encoder(str(path), device="cpu")
    assert (encoder.spec.hidden_size, encoder.spec.num_layers, encoder.position_limit) == (16, 2, 32)
    padded = FeatureExtractor(encoder, spec_for(encoder, max_length=32)).extract(block(["the news", "the"]))
    alone = FeatureExtractor(encoder, spec_for(encoder, max_length=32)).extract(block(["the"]))
    torch.testing.assert_close(
        torch.from_numpy(padded.features.take(torch.tensor([1]).numpy()).packed),
        torch.from_numpy(alone.features.packed),
        rtol=2e-3,
        atol=2e-3,
    )


def test_padding_without_an_embedding_is_filled_with_another_token(path: Path) -> None:
    small = GPT2Config(vocab_size=len(VOCABULARY) - 1, n_embd=16, n_layer=1, n_head=2, n_positions=32)
    with_model(path, GPT2Model(small))
    edit_json(path / "tokenizer_config.json", pad_token=VOCABULARY[-1])
    encoder = load_encoder(str(path), device="cpu")
    assert encoder.pad_id == 0
    documents = block(["the news", "the"])
    assert FeatureExtractor(encoder, spec_for(encoder, max_length=32)).extract(documents).rejected == ()


def test_bfloat16_gives_features_near_those_of_float32(bert: Encoder, bert_path: Path) -> None:
    half = load_encoder(str(bert_path), device="cpu", dtype="bfloat16")
    documents = block(["the news of the film", "good"])
    (own,) = FeatureExtractor(half, spec_for(half)).activations(documents)
    (reference,) = FeatureExtractor(bert, spec_for(bert)).activations(documents)
    assert own.dtype == torch.float32
    assert 0 < (own - reference).abs().mean() < 0.05 * reference.abs().mean()


@pytest.mark.parametrize("name", ["FNet", "XLNet", "DeBERTa"])
def test_an_encoder_that_does_not_run_in_bfloat16_is_refused_by_that_name(name: str, tmp_path: Path) -> None:
    where = str(save(named(name), tmp_path))
    with pytest.raises(UsageError, match=r"does not run in bfloat16 here; ask for dtype float32 \(.+\)$"):
        load_encoder(where, device="cpu", dtype="bfloat16")


def test_a_directory_that_is_not_there_or_holds_no_model_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "nowhere", "no such directory")
    assert_refused("./nowhere", "no such directory")
    assert_refused(tmp_path, r"no config\.json there")


def test_an_unknown_architecture_is_refused(path: Path) -> None:
    edit_json(path / "config.json", model_type="no-such-architecture")
    assert_refused(path, "no-such-architecture")


def test_remote_code_is_refused_and_never_run(path: Path) -> None:
    edit_json(
        path / "config.json",
        model_type="theirs",
        auto_map={"AutoConfig": "theirs.Config", "AutoModel": "theirs.Model"},
    )
    (path / "theirs.py").write_text("raise SystemExit('this code must never run')")
    assert_refused(path, "needs code of its own, and remote code is never run")


def test_pickled_weights_are_refused(path: Path) -> None:
    (path / "model.safetensors").unlink()
    torch.save({}, path / "pytorch_model.bin")
    assert_refused(path, r"no model\.safetensors there; pickled weights are never loaded")


def test_damaged_weights_are_refused(path: Path) -> None:
    content = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(content[: len(content) // 2])
    assert_refused(path, "its weights cannot be loaded")


def test_missing_weights_are_refused_and_not_made_up(path: Path) -> None:
    weights = load_file(path / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    assert_refused(path, r"1 weights are not in its files, encoder\.layer\.1\.output\.dense\.weight among them")


def test_a_model_without_tokenizer_files_is_refused(path: Path) -> None:
    (path / "tokenizer.json").unlink()
    (path / "tokenizer_config.json").unlink()
    assert_refused(path, "no fast tokenizer")


def test_a_damaged_tokenizer_is_refused(path: Path) -> None:
    (path / "tokenizer.json").write_text('{"model": ')
    assert_refused(path, "tokenizer")


def test_an_encoder_decoder_is_refused(path: Path) -> None:
    config = BartConfig(
        vocab_size=len(VOCABULARY),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=32,
    )
    assert_refused(with_model(path, BartModel(config)), "a bart model is no text encoder")


def test_a_model_of_images_and_text_is_refused(path: Path) -> None:
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config={**small, "vocab_size": len(VOCABULARY), "max_position_embeddings": 32},
        vision_config={**small, "image_size": 8, "patch_size": 4},
        projection_dim=8,
    )
    assert_refused(with_model(path, CLIPModel(config)), "CLIPModel gives no hidden states of text")


def test_the_last_layer_includes_a_final_norm(path: Path) -> None:
    """CLIP's own list of hidden states ends before the final norm."""
    config = CLIPTextConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
        eos_token_id=3,
    )
    model = CLIPTextModel(config).eval()
    with torch.no_grad():
        model.final_layer_norm.weight.fill_(3.0)
    with_model(path, model)
    encoder = load_encoder(str(path), device="cpu")
    (own,) = FeatureExtractor(encoder, spec_for(encoder, layers="stack:2", max_length=32)).activations(block(["the"]))
    ids = torch.tensor([encoder.tokenizer.encode("the").ids])
    with torch.no_grad():
        output = model(ids, output_hidden_states=True)
    torch.testing.assert_close(own[:, 0], output.hidden_states[1][0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(own[:, 1], output.last_hidden_state[0], rtol=1e-5, atol=1e-5)


def test_a_pooler_that_cannot_be_left_out_is_no_part_of_the_encoder(path: Path) -> None:
    config = SqueezeBertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        embedding_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    with_model(path, SqueezeBertModel(config))
    complete = load_encoder(str(path), device="cpu")
    weights = load_file(path / "model.safetensors")
    del weights["pooler.dense.weight"]
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    assert load_encoder(str(path), device="cpu").spec == complete.spec


def test_a_device_that_is_missing_is_refused_before_files_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device"):
        load_encoder("./nowhere", device="cuda")
