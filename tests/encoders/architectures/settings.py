"""Settings of tiny models that rows of the table share."""

from tests.encoders.architectures.architecture import PAD_ID, PIECES

VOCABULARY = len(PIECES)

COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "pad_token_id": PAD_ID,
}
OFFSET = {**COMMON, "max_position_embeddings": 66}
"""Settings of models whose positions count from behind padding's."""

GROUPED = {**COMMON, "num_key_value_heads": 1, "head_dim": 8}

WINDOW = {**GROUPED, "sliding_window": 8}

EXPERTS = {**GROUPED, "num_experts_per_tok": 2}

OF_DEEPSEEK = {
    **EXPERTS,
    "num_key_value_heads": 2,
    "n_routed_experts": 2,
    "n_shared_experts": 1,
    "moe_intermediate_size": 16,
    "q_lora_rank": 8,
    "kv_lora_rank": 8,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 4,
    "v_head_dim": 8,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}

OF_T5 = {"vocab_size": VOCABULARY, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}

OF_GPT = {"vocab_size": VOCABULARY, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}

OF_XLM = {"vocab_size": VOCABULARY, "emb_dim": 16, "n_layers": 2, "n_heads": 2, "max_position_embeddings": 64}

OF_REFORMER = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "attention_head_size": 8,
    "num_attention_heads": 2,
    "feed_forward_size": 32,
    "axial_pos_embds": False,
    "max_position_embeddings": 64,
    "is_decoder": False,
}

LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0] * 4,
    "long_factor": [4.0] * 4,
    "original_max_position_embeddings": 16,
}
