"""Encoders in whose features padding shows, or worse."""

from tests.encoders.architectures.architecture import EQUAL_LENGTHS, REFUSED, Architecture
from tests.encoders.architectures.settings import COMMON, OF_GPT

UNMASKED: tuple[Architecture, ...] = (
    Architecture(
        "ConvBERT",
        "convbert",
        {**COMMON, "embedding_size": 8, "head_ratio": 2, "conv_kernel_size": 3},
        taken=EQUAL_LENGTHS,
        segments=True,
        remark="Its convolution reads padding beyond the last token.",
    ),
    Architecture(
        "FNet",
        "fnet",
        {k: v for k, v in COMMON.items() if k != "num_attention_heads"},
        taken=EQUAL_LENGTHS,
        segments=True,
        remark="Its Fourier transform mixes padding in: it takes no mask.",
        short=True,
    ),
    Architecture(
        "MobileBERT",
        "mobilebert",
        {**COMMON, "embedding_size": 8, "intra_bottleneck_size": 8, "num_feedforward_networks": 2},
        taken=EQUAL_LENGTHS,
        segments=True,
        remark="Each token reads the embedding of the next; in batches where padding's embedding is zero.",
    ),
    Architecture("YOSO", "yoso", {**COMMON, "num_hash": 4, "hash_code_len": 3}, taken=EQUAL_LENGTHS),
    Architecture(
        'GPT-2 with `"is_causal": null`',
        "gpt2",
        {**OF_GPT, "is_causal": None},
        taken=EQUAL_LENGTHS,
        template="gpt2",
        remark="It attends to what comes before, and in padded batches to all.",
    ),
    Architecture(
        "MRA",
        "mra",
        {**COMMON, "block_per_row": 2},
        taken=REFUSED,
        words="MraModel gives a token the same features in any text",
        remark="Without its CUDA kernels it attends to nothing.",
    ),
    Architecture(
        "YOSO that hashes",
        "yoso",
        {**COMMON, "num_hash": 4, "hash_code_len": 3, "use_expectation": False},
        taken=REFUSED,
        words="YosoModel gives no hidden states of text",
        remark="Its hashing is random.",
    ),
    Architecture(
        "Nyströmformer",
        "nystromformer",
        {**COMMON, "num_landmarks": 64, "segment_means_seq_len": 64},
        taken=EQUAL_LENGTHS,
        segments=True,
        short=True,
    ),
    Architecture(
        "Nyströmformer with fewer landmarks",
        "nystromformer",
        {**COMMON, "num_landmarks": 4, "segment_means_seq_len": 64},
        taken=REFUSED,
        words="NystromformerModel gives no hidden states of text",
        remark="It takes texts of one length alone.",
    ),
    Architecture(
        "BigBird with full attention", "big_bird", {**COMMON, "attention_type": "original_full"}, segments=True
    ),
    Architecture(
        "BigBird with sparse attention",
        "big_bird",
        {**COMMON, "block_size": 4, "num_random_blocks": 1},
        taken=REFUSED,
        words=r'changes its attention_type from block_sparse to original_full .*"attention_type": "original_full"',
        remark='A short text switches it to full attention for good; `"attention_type": "original_full"` settles that.',
        short=True,
    ),
)
