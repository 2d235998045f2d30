"""How many tokens can be read back from stored features: the figure of docs/explanation/trust.md.

Whoever has the encoder averages, for every token of some texts of their own, the features that it gets there; a stored
vector is then taken for the token with the nearest average.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from encore.encoders import DocumentBlock, Encoder, FeatureExtractor, load_encoder
from encore.experiments.demo.docstrings import build_corpus
from encore.featurestore import FeatureSpec, TextSpec

GUESS_FROM = 1500
READ_BACK = 200
LENGTH = 128


def main() -> None:
    """Print the share of tokens that are recognised in 200 documents, for each quantizer."""
    corpus = build_corpus()
    corpus = corpus.take(np.random.default_rng(0).permutation(corpus.num_rows)[: GUESS_FROM + READ_BACK])
    encoder = load_encoder("minilm")
    known = token_ids(encoder, corpus["text"])
    for quantizer in ("float16", "sign"):
        features, ends = stored_features(encoder, corpus, quantizer)
        split = int(ends[GUESS_FROM])
        guessed = nearest_token(features[:split], known[:split], features[split:])
        actual = known[split:]
        inner = (actual != encoder.tokenizer.token_to_id("[CLS]")) & (actual != encoder.tokenizer.token_to_id("[SEP]"))
        share = (guessed == actual)[inner].double().mean()
        print(f"{quantizer}: {share:.1%} of {int(inner.sum()):,} tokens recognised")


def token_ids(encoder: Encoder, texts: pa.ChunkedArray) -> torch.Tensor:
    """Token ids of all texts, one after the other, as the features lie."""
    encodings = [encoder.tokenizer.encode(text).ids for text in texts.to_pylist()]
    cut = [ids if len(ids) <= LENGTH else [*ids[: LENGTH - 1], ids[-1]] for ids in encodings]
    return torch.tensor([token for ids in cut for token in ids])


def stored_features(encoder: Encoder, corpus: pa.Table, quantizer: str) -> tuple[torch.Tensor, npt.NDArray[np.int64]]:
    """What a store would give back: (tokens, width) floats, and the documents' offsets."""
    spec = FeatureSpec.build(encoder.spec, TextSpec(LENGTH), "mean:6", "tokens", quantizer)
    documents = DocumentBlock.build(corpus["doc_id"].combine_chunks(), corpus["text"].combine_chunks())
    block = FeatureExtractor(encoder, spec).extract(documents).features
    return spec.quantizer.dequantize(torch.from_numpy(block.packed), spec.width), block.offsets


def nearest_token(features: torch.Tensor, tokens: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    """The token whose average direction is nearest to each vector that is asked about."""
    names, place = tokens.unique(return_inverse=True)
    averages = torch.zeros(len(names), features.shape[1]).index_add_(0, place, features)
    similarity = torch.nn.functional.normalize(asked, dim=1) @ torch.nn.functional.normalize(averages, dim=1).T
    return names[similarity.argmax(dim=1)]


if __name__ == "__main__":
    main()
