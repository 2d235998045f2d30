"""Models that keep a state along the text, or choose what they attend to."""

from tests.encoders.architectures.architecture import Architecture
from tests.encoders.architectures.settings import EXPERTS, GROUPED, VOCABULARY

RECURRENT: tuple[Architecture, ...] = (
    Architecture(
        "Mamba",
        "mamba",
        {"vocab_size": VOCABULARY, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4},
        template="gpt2",
        limit=None,
        short=True,
    ),
    Architecture(
        "Mamba 2",
        "mamba2",
        {
            "vocab_size": VOCABULARY,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "state_size": 4,
            "num_heads": 4,
            "head_dim": 8,
            "n_groups": 1,
            "chunk_size": 8,
        },
        template="gpt2",
        limit=None,
    ),
    Architecture(
        "Qwen3-Next",
        "qwen3_next",
        {
            **EXPERTS,
            "num_hidden_layers": 4,
            "num_experts": 2,
            "moe_intermediate_size": 16,
            "shared_expert_intermediate_size": 16,
            "linear_num_value_heads": 2,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 4,
            "linear_value_head_dim": 4,
        },
        template="gpt2",
    ),
    Architecture(
        "Jamba",
        "jamba",
        {
            **EXPERTS,
            "mamba_d_state": 4,
            "mamba_dt_rank": 4,
            "use_mamba_kernels": False,
            "num_experts": 2,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
        },
        template="llama",
    ),
    Architecture(
        "RWKV",
        "rwkv",
        {
            "vocab_size": VOCABULARY,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "attention_hidden_size": 16,
            "context_length": 64,
        },
        template="gpt2",
    ),
    Architecture(
        "RecurrentGemma",
        "recurrent_gemma",
        {**GROUPED, "num_hidden_layers": 3, "lru_width": 16, "attention_window_size": 8},
        template="llama",
    ),
)
