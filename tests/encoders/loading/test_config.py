"""Which settings count: all but those that are known to change no feature."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import transformers
from transformers import (
    AlbertConfig,
    BertConfig,
    CLIPConfig,
    DebertaConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    EsmConfig,
    FunnelConfig,
    Gemma4TextConfig,
    GPT2Config,
    LongformerConfig,
    ModernBertConfig,
    OPTConfig,
    PreTrainedConfig,
    RobertaConfig,
    SqueezeBertConfig,
    T5Config,
    XLMRobertaConfig,
    XLNetConfig,
)

from encore.encoders.loading.config import REMNANTS, feature_settings

LEFT_BY_TRANSFORMERS: dict[str, Any] = {
    "_name_or_path": "somebody/something",
    "_num_labels": 3,
    "_attn_implementation_autoset": True,
    "architectures": ["BertForMaskedLM"],
    "attn_implementation": "sdpa",
    "bad_words_ids": None,
    "bos_token_id": 0,
    "chunk_size_feed_forward": 0,
    "classifier_dropout": None,
    "cross_attention_hidden_size": None,
    "custom_pipelines": {},
    "decoder_start_token_id": None,
    "diversity_penalty": 0.0,
    "do_sample": False,
    "early_stopping": False,
    "encoder_no_repeat_ngram_size": 0,
    "eos_token_ids": 0,
    "exponential_decay_length_penalty": None,
    "finetuning_task": "sst-2",
    "forced_bos_token_id": None,
    "gradient_checkpointing": False,
    "id2label": {"0": "bad", "1": "good"},
    "is_decoder": False,
    "label2id": {"bad": 0, "good": 1},
    "length_penalty": 1.0,
    "max_length": 20,
    "no_repeat_ngram_size": 0,
    "num_beams": 1,
    "num_return_sequences": 1,
    "output_past": True,
    "output_scores": False,
    "position_embedding_type": "absolute",
    "prefix": None,
    "problem_type": None,
    "pruned_heads": {},
    "remove_invalid_values": False,
    "repetition_penalty": 1.0,
    "return_dict_in_generate": False,
    "sep_token_id": None,
    "suppress_tokens": None,
    "task_specific_params": None,
    "temperature": 1.0,
    "tf_legacy_loss": False,
    "tie_encoder_decoder": False,
    "tie_weights_": True,
    "tokenizer_class": "XLMRobertaTokenizer",
    "top_k": 50,
    "torch_dtype": "float32",
    "torchscript": False,
    "typical_p": 1.0,
    "use_bfloat16": False,
    "use_cache": True,
    "xla_device": None,
}
"""What versions 2 to 4 wrote into a config.json beside what the architecture has."""

LEFT_BY_OTHERS: dict[str, Any] = {
    "directionality": "bidi",
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
    "vocab_size_or_config_json_file": 30522,
    "cell": {},
    "emb_size": 312,
    "pre_trained": "",
    "structure": [],
    "training": "",
    "language": "english",
    "name": "Bert",
    "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity",
    "sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid", "version": "4.0.1"},
    "transformers.js_config": {"dtype": "q8"},
    "unsloth_fixed": True,
}
"""What TensorFlow's BERT, TinyBERT, FARM, cross-encoders, transformers.js and others wrote there."""


@pytest.mark.parametrize(
    "architecture", [BertConfig, RobertaConfig, XLMRobertaConfig, DistilBertConfig, ElectraConfig, AlbertConfig]
)
def test_what_files_carry_along_makes_no_other_encoder(architecture: type[PreTrainedConfig]) -> None:
    """The digest of an ordinary encoder is that of its weights and of nothing else in its config.json."""
    config = architecture(**LEFT_BY_TRANSFORMERS, **LEFT_BY_OTHERS)
    assert feature_settings(config) == {"model_type": architecture.model_type}


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        (ModernBertConfig, {"layer_norm_eps": 1e-5, "global_attn_every_n_layers": 3, "repad_logits_with_grad": False}),
        (GPT2Config, {"n_ctx": 1024, "summary_type": "cls_index", "summary_use_proj": True}),
        (T5Config, {"n_positions": 512, "output_past": True, "task_specific_params": {"summarization": {}}}),
        (AlbertConfig, {"layers_to_keep": [], "gap_size": 0, "net_structure_type": 0, "num_memory_blocks": 0}),
        (XLNetConfig, {"untie_r": True, "summary_type": "last", "end_n_top": 5}),
        (LongformerConfig, {"attention_mode": "longformer", "ignore_attention_mask": False, "sep_token_id": 2}),
        (FunnelConfig, {"max_position_embeddings": 512, "rel_attn_type": "factorized", "type_vocab_size": 3}),
        (DebertaConfig, {"padding_idx": 0, "pooler_dropout": 0}),
        (BertConfig, {"max_seq_length": 128, "model_max_length": 512, "padding": "max_length", "label_names": ["a"]}),
    ],
)
def test_what_the_files_of_known_encoders_carry_makes_no_other_one(
    architecture: type[PreTrainedConfig], settings: dict[str, Any]
) -> None:
    assert feature_settings(architecture(**settings)) == {"model_type": architecture.model_type}


def test_no_model_asks_for_a_setting_that_is_passed_over_without_a_declaration() -> None:
    """Models ask for settings that their architecture need not have: ``getattr(config, "is_causal", True)``."""
    sources = (Path(transformers.__file__).parent / "models").glob("*/modeling_*.py")
    asked = re.compile(r'getattr\((?:self\.)?config, "(\w+)"')
    names = {name for source in sources for name in asked.findall(source.read_text(encoding="utf-8"))}
    assert {"conv_act", "position_buckets"} <= names
    # A summary of a text is made by a head.
    assert {name for name in names if REMNANTS.fullmatch(name)} <= {"summary_type", "summary_activation"}


@pytest.mark.parametrize(
    ("config", "counted"),
    [
        (GPT2Config(is_causal=False), {"is_causal": False}),
        (GPT2Config(is_causal=None), {"is_causal": None}),
        (DebertaV2Config(conv_act="tanh"), {"conv_act": "tanh"}),
        (DebertaV2Config(position_buckets=256), {"position_buckets": 256}),
        (OPTConfig(_remove_final_layer_norm=True), {"_remove_final_layer_norm": True}),
        (SqueezeBertConfig(output_groups=1), {"output_groups": 1}),
        (EsmConfig(token_dropout=True, mask_token_id=4), {"token_dropout": True, "mask_token_id": 4}),
        (EsmConfig(mask_token_id=4), {}),
        (BertConfig(somebodys_own=1), {"somebodys_own": 1}),
        (BertConfig(position_embedding_type="alibi"), {"position_embedding_type": "alibi"}),
        (BertConfig(directionality="uni"), {"directionality": "uni"}),
        (BertConfig(layer_norm_eps=1e-5), {"layer_norm_eps": 1e-5}),
    ],
)
def test_a_setting_that_can_change_features_counts(config: PreTrainedConfig, counted: dict[str, Any]) -> None:
    assert feature_settings(config) == {"model_type": config.model_type, **counted}


def test_settings_of_a_part_count_as_if_it_stood_alone() -> None:
    plain = feature_settings(CLIPConfig())
    assert plain == {"model_type": "clip"}
    assert feature_settings(CLIPConfig(text_config={"dtype": "float16", "attention_dropout": 0.5, "x": 1})) == {
        **plain,
        "text_config": {"model_type": "clip_text_model", "x": 1},
    }
    assert feature_settings(CLIPConfig(text_config={"attention_dropout": 0.5, "_name_or_path": "here"})) == plain


def test_settings_that_differ_from_layer_to_layer_count() -> None:
    """Gemma 4's heads are wider in some layers. transformers raises an error where code asks for one such setting."""
    config = Gemma4TextConfig(num_hidden_layers=6, sliding_window=8)
    counted = feature_settings(config)
    assert {name: counted[name] for name in ("num_hidden_layers", "sliding_window")} == {
        "num_hidden_layers": 6,
        "sliding_window": 8,
    }
    other = Gemma4TextConfig(num_hidden_layers=6, sliding_window=8, global_head_dim=128)
    assert feature_settings(other)["per_layer_config"] != counted["per_layer_config"]
