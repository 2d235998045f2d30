"""The word-sense probe, whole: sentences to features, features to centroids, centroids to a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.encoders import Encoder
from encore.encoders.text import BlockTokenizer
from encore.experiments.bench import Say
from encore.experiments.word_sense.alignment import SentenceTokens, WordRows, check_stored
from encore.experiments.word_sense.centroids import SenseCentroids, SenseInventory
from encore.experiments.word_sense.first_senses import first_senses, read_first_senses
from encore.experiments.word_sense.instances import WordInstances, distinct_sentences
from encore.experiments.word_sense.results import BASELINE, ProbeResult, lines_of
from encore.experiments.word_sense.scores import Coverage, Flags
from encore.experiments.word_sense.stores import ORIGINAL, SentenceStores
from encore.experiments.word_sense.vectors import word_vectors
from encore.featurestore import Catalogue, UsageError, parse_quantizer
from encore.featurestore.common import counted, settle_fields
from encore.pipelines.encoding import resident_encoder
from encore.pipelines.progress import ProgressDisplay

QUANTIZERS = (ORIGINAL, "uint8", "sign")
"""What is always measured: the original features, 8 bits and 1 bit (paper, table 4)."""


@dataclass(frozen=True)
class ProbeRequest:
    """The input of the probe.

    Attributes:
        train, test: Parquet files of instances.
        out: folder of results and stores.
        encoder: what `load_encoder` takes.
        layers: the layers to read; none means the one at two thirds of the depth, as the paper's 16 of 24.
        quantizers: to measure beside `QUANTIZERS`.
        first_senses: WordNet's ``index.sense``, which answers for words that training lacks; without it they get
            no answer.
        device, dtype: where and in what the encoder runs.
    """

    train: str
    test: str
    out: Path
    encoder: str = "minilm"
    layers: tuple[int, ...] = ()
    quantizers: tuple[str, ...] = ()
    first_senses: str | None = None
    device: str = "auto"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        settle_fields(self)


def run_probe(request: ProbeRequest, say: Say, display: ProgressDisplay) -> ProbeResult:
    """Encode, derive, align, classify; a second run finds the features of the first.

    Args:
        request: what is asked for.
        say: told what is done.
        display: shows the progress of the encoding.

    Raises:
        UsageError: unreadable files, an unknown quantizer or encoder, a layer that it does not have.
        DataError: a damaged row, or a line that is not one of ``index.sense``.
        JobError, StoreError: the features could not be made, or are not those of the sentences.
    """
    asked = tuple(dict.fromkeys(parse_quantizer(text).request for text in (*QUANTIZERS, *request.quantizers)))
    train, test = WordInstances.read(request.train), WordInstances.read(request.test)
    fallback = None if request.first_senses is None else read_first_senses(request.first_senses)
    encoder = resident_encoder(request.encoder, device=request.device, dtype=request.dtype)
    layers = tuple(dict.fromkeys(request.layers)) or (default_layer(encoder.spec.num_layers),)
    _make_folder(request.out)
    stores = SentenceStores(
        request.out, request.encoder, encoder.spec.num_layers, layers, request.device, request.dtype
    )
    sentences = distinct_sentences(train, test)
    say(
        f"encoding {counted(len(sentences), 'sentence')} with {encoder.spec.name}, layers {', '.join(map(str, layers))}"
    )
    encoded = stores.encode(sentences, display)
    probe = _Probe.of(train, test, sentences, encoder, encoded)
    coverage, baseline = probe.coverage(fallback), probe.most_frequent()
    lines = lines_of(BASELINE, None, None, test.sources, coverage, baseline, baseline, None)
    for layer in layers:
        original: Flags | None = None
        # One layer alone: the quantized features are derived from it, and not each from all layers.
        source = stores.derive(encoded, layer, ORIGINAL)
        for quantizer in asked:
            say(f"layer {layer}, {quantizer}")
            store = stores.derive(source, layer, quantizer)
            right = probe.right(store)
            lines += lines_of(quantizer, layer, store.spec.row_bytes, test.sources, coverage, right, baseline, original)
            original = right if original is None else original
    return ProbeResult(
        lines=tuple(lines),
        encoder=encoder.spec.name,
        train=len(train),
        test=len(test),
        sentences=len(sentences),
        without_vector=(int((~probe.train_rows.found).sum()), int((~probe.test_rows.found).sum())),
    )


def default_layer(num_layers: int) -> int:
    """The layer at two thirds of the depth: 16 of 24, which did best in the paper's pilot experiments."""
    return max(1, round(2 * num_layers / 3))


@dataclass(frozen=True, eq=False)
class _Probe:
    """Both files, aligned with the sentences that are stored."""

    train: WordInstances
    test: WordInstances
    inventory: SenseInventory
    sentences: pa.Table
    encoder: Encoder
    tokens: SentenceTokens
    train_rows: WordRows
    test_rows: WordRows

    @classmethod
    def of(
        cls, train: WordInstances, test: WordInstances, sentences: pa.Table, encoder: Encoder, encoded: Catalogue
    ) -> _Probe:
        tokens = SentenceTokens.of(sentences["text"], BlockTokenizer.build(encoder.tokenizer, encoded.spec.text))
        inventory = SenseInventory.of(train.words, train.senses)
        rows = [tokens.rows(_places(part.texts, sentences["text"]), part.starts, part.stops) for part in (train, test)]
        return cls(train, test, inventory, sentences, encoder, tokens, *rows)

    def coverage(self, fallback: pa.Table | None) -> Coverage:
        """(test,) whether training covers an instance, or else the first senses of ``fallback`` answer it."""
        covered = self.inventory.find(self.test.words) >= 0
        if fallback is None:
            return Coverage.of(covered)
        senses = first_senses(fallback, self.test.words)
        return Coverage.of(covered, senses.is_valid().to_numpy(zero_copy_only=False), self.test.accepts(senses))

    def most_frequent(self) -> Flags:
        """(test,) whether the word's most frequent sense in training is right."""
        return self.test.accepts(self.inventory.named(self.inventory.most_frequent(self.test.words)))

    def right(self, store: Catalogue) -> Flags:
        """(test,) whether the sense with the nearest centroid is right."""
        check_stored(store, self.encoder, self.sentences, self.tokens)
        both = WordRows.concatenate(self.train_rows, self.test_rows)
        vectors = word_vectors(store, self.sentences["doc_id"], both)
        learned, asked = vectors[: len(self.train)], vectors[len(self.train) :]
        centroids = SenseCentroids.of(self.inventory, learned, self.train_rows.found)
        places = centroids.nearest(self.test.words, asked, self.test_rows.found)
        return self.test.accepts(self.inventory.named(places))


def _places(texts: pa.StringArray, sentences: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return pc.index_in(texts, value_set=sentences).to_numpy().astype(np.int64)  # type: ignore[no-any-return]


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {str(out)!r}: cannot be made: {error.strerror or error}") from error
