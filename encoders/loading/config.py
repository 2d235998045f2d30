"""The settings of an architecture that can change a feature: all except those that are named here."""

from __future__ import annotations

import re
from typing import Any

from transformers import PreTrainedConfig

IRRELEVANT = re.compile(
    # Names of the files, and the library that wrote them.
    r"_?name_or_path|_commit_hash|architectures|auto_map|model_type|transformers_version|(torch_)?dtype|tokenizer_class"
    r"|processor_class|custom_pipelines|language|name|base_model_prefix|transformers\.js_config|unsloth_.*"
    # Ways to compute the same numbers, and further outputs.
    r"|_?(attn|experts)_implementation.*|_flash_attn_2_enabled|gradient_checkpointing|chunk_size_feed_forward|use_cache"
    r"|torchscript|xla_device|return_dict|output_(attentions|hidden_states|past|intermediate|router_logits|retrieved)"
    # Training, and the heads of training tasks.
    r"|(?!.*token_dropout).*dropout.*|initializer_.*|classifier_.*|pooler_.*|output_embedding_size|tie_word_embeddings"
    r"|tie_weights_|id2label|label2id|_?num_labels|problem_type|finetuning_task|task_specific_params"
    r"|sentence_transformers|sbert_ce_default_.*|keys_to_ignore_at_inference|tf_legacy_loss"
    # Generating text. The mask token counts in some models: see MASKING.
    r"|(bos|eos|cls|sep|mask|decoder_start|forced_bos|forced_eos)_token_id|(bos|eos|pad)_token_ids|prefix"
)
"""Settings that change no feature, whatever their value. ``pad_token_id`` is not one of them: RoBERTa counts positions
from it. Nor is ``token_dropout``: ESM and NLLB-MoE scale by it even outside of training."""

MASKING = "token_dropout"
"""A setting. In an encoder that has it, the embedding of the mask depends on ``mask_token_id``."""

HARMLESS: dict[str, tuple[object, ...]] = {
    "add_cross_attention": (False,),
    "attention_mode": ("longformer",),
    "cell": ({},),
    "cross_attention_hidden_size": (None,),
    "directionality": ("bidi",),
    "down_scale_factor": (1,),
    "enable_recompute": (False,),
    "fuse": (False,),
    "gap_size": (0,),
    "ignore_attention_mask": (False,),
    "is_decoder": (False,),
    "layers_to_keep": ([],),
    "net_structure_type": (0,),
    "num_memory_blocks": (0,),
    "position_embedding_type": ("absolute",),
    "pre_trained": ("",),
    "pruned_heads": ({}, None),
    "rel_attn_type": ("factorized",),
    "same_enc_dec": (True,),
    "scalable_attention": (True,),
    "share_inout_emb": (True,),
    "structure": ([],),
    "tie_encoder_decoder": (False,),
    "training": ("",),
    "type_vocab_size": (2, 3),
    "untie_r": (True,),
    "use_bfloat16": (False,),
    "use_mrope": (False,),
    "use_return_dict": (True, False),
}
"""Settings that files still hold although their architecture no longer has them → values that mean nothing.

Files of known encoders hold them, written by their makers or by earlier versions of transformers.
"""

REMNANTS = re.compile(
    # Old names beside the new ones, and names of other architectures.
    r"vocab_size_or_config_json_file|emb_size|n_ctx|n_positions|seq_length|max_position_embeddings|layer_norm_eps"
    r"|padding_idx|summary_.*|id2lang|lang2id"
    # Settings that transformers converts to one that counts: which layers attend to a window.
    r"|global_attn_every_n_layers|sliding_window_pattern"
    # Training and generating.
    r"|label_names|padding|max_seq_length|model_max_length|tokenizer_type|cache_implementation|repad_logits_with_grad"
)
"""Settings that mean nothing in an architecture without a setting of that name: no model reads them."""


def feature_settings(config: PreTrainedConfig) -> dict[str, Any]:
    """The architecture, and those of its settings that can change a feature and differ from its defaults.

    An unknown setting counts: models read settings that their architecture does not declare (``is_causal`` of decoders,
    ``conv_act`` of DeBERTa). A default that a file spells out does not count: it makes no other encoder. Settings of
    parts with their own architecture are treated in the same way.
    """
    settings, default = config.to_dict(), type(config)()
    defaults = default.to_dict()
    masks = bool(settings.get(MASKING))
    changed = {}
    for name in settings.keys() | defaults.keys():
        value = settings.get(name)
        if IRRELEVANT.fullmatch(name) and not (masks and name == "mask_token_id"):
            continue
        if name in defaults:
            part = vars(config).get(name)
            if isinstance(part, PreTrainedConfig):
                known = vars(default).get(name)
                value = feature_settings(part)
                if isinstance(known, PreTrainedConfig) and feature_settings(known) == value:
                    continue
            elif value == defaults[name]:
                continue
        elif REMNANTS.fullmatch(name) or value in HARMLESS.get(name, ()):
            continue
        changed[name] = value
    return {"model_type": config.model_type, **changed}
