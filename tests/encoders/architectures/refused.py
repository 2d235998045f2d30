"""Models that give no hidden state of every token and layer, and some that are taken for their text alone."""

from tests.encoders.architectures.architecture import REFUSED, Architecture
from tests.encoders.architectures.settings import COMMON, OF_REFORMER, OF_T5, VOCABULARY

OTHERS: tuple[Architecture, ...] = (
    Architecture(
        "CANINE", "canine", {**COMMON, "local_transformer_stride": 8}, taken=REFUSED, words="do not all hold one vector"
    ),
    Architecture(
        "Funnel",
        "funnel",
        {
            "vocab_size": VOCABULARY,
            "d_model": 16,
            "n_head": 2,
            "d_head": 8,
            "d_inner": 32,
            "block_sizes": [1, 1],
            "block_repeats": [1, 1],
        },
        taken=REFUSED,
        of="FunnelModel",
        words="do not all hold one vector",
    ),
    Architecture(
        "Reformer",
        "reformer",
        {**OF_REFORMER, "attn_layers": ["local", "lsh"], "local_attn_chunk_length": 8, "lsh_attn_chunk_length": 8},
        taken=REFUSED,
        words="do not all hold one vector",
    ),
    Architecture(
        "Perceiver",
        "perceiver",
        {"vocab_size": VOCABULARY, "d_model": 16, "d_latents": 16, "num_latents": 4, "num_cross_attention_heads": 2},
        taken=REFUSED,
        words="PerceiverModel gives no hidden states of text",
    ),
    Architecture("TAPAS", "tapas", COMMON, remark="By its text alone: no table is given.", segments=False),
    Architecture("LXMERT", "lxmert", COMMON, taken=REFUSED, words="LxmertModel gives no hidden states of text"),
    Architecture("BROS", "bros", COMMON, taken=REFUSED, words="BrosModel gives no hidden states of text"),
    Architecture("LongT5", "longt5", OF_T5, taken=REFUSED, words="a longt5 model is no text encoder"),
    Architecture(
        "Switch Transformers",
        "switch_transformers",
        {**OF_T5, "num_experts": 2},
        taken=REFUSED,
        words="a switch_transformers model is no text encoder",
    ),
    Architecture(
        "LED",
        "led",
        {
            "vocab_size": VOCABULARY,
            "d_model": 16,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 16,
            "decoder_ffn_dim": 16,
            "attention_window": 8,
        },
        taken=REFUSED,
        words="a led model is no text encoder",
    ),
    Architecture(
        "BART",
        "bart",
        {
            "vocab_size": VOCABULARY,
            "d_model": 16,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 16,
            "decoder_ffn_dim": 16,
        },
        taken=REFUSED,
        words="a bart model is no text encoder",
    ),
)
