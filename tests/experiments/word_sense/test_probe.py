"""The whole probe on made-up senses, against the slow way: one sentence at a time through transformers."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from encore.experiments.word_sense.centroids import SenseInventory
from encore.experiments.word_sense.instances import WordInstances
from encore.experiments.word_sense.probe import ProbeRequest, default_layer, run_probe
from encore.experiments.word_sense.results import BASELINE, ProbeLine, ProbeResult
from encore.experiments.word_sense.scores import Coverage, SenseScore
from encore.featurestore import Catalogue, DataError, JobError, UsageError
from encore.pipelines.progress import SilentDisplay
from tests.experiments.word_sense.building import RIVER, instance, made_up, write
from tests.pipelines.jobs import DATA, encoder


def probe(folder: Path, **request: Any) -> ProbeResult:
    """Run on the made-up instances."""
    train, test = (write(folder / f"{name}.parquet", rows) for name, rows in zip(("a", "b"), made_up(), strict=True))
    given = {"train": train, "test": test, "out": folder / "out", "encoder": encoder(), "device": "cpu", **request}
    return run_probe(ProbeRequest(**given), lambda _: None, SilentDisplay())


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ProbeResult:
    return probe(tmp_path_factory.mktemp("probe"), layers=(3, 1), quantizers=("int2", "sign"))


@cache
def plain_vectors(sentence: tuple[str, ...], index: int) -> list[np.ndarray]:
    """The vector of a target in every layer: its sub-words one by one, as transformers itself runs them."""
    tokenizer, model = AutoTokenizer.from_pretrained(encoder()), AutoModel.from_pretrained(encoder()).eval()
    inputs = tokenizer([list(sentence)], is_split_into_words=True, return_tensors="pt")
    rows = [row for row, word in enumerate(inputs.word_ids(0)) if word == index]
    with torch.no_grad():
        states = model(**inputs, output_hidden_states=True).hidden_states
    return [state[0, rows].numpy() for state in states]


def plain_right(layer: int, decode: Any) -> tuple[int, int]:
    """(answered, right) of the nearest centroid, by loops."""
    train, test = made_up()
    sums: dict[tuple[str, str], Any] = defaultdict(lambda: 0)
    for row in train:
        sums[row["lemma"], row["sense"]] += decode(plain_vectors(tuple(row["sentence"]), row["index"])[layer])
    answered = right = 0
    for row in test:
        vector = decode(plain_vectors(tuple(row["sentence"]), row["index"])[layer])
        nearness = {
            sense: vector @ total / np.linalg.norm(total)
            for (lemma, sense), total in sums.items()
            if lemma == row["lemma"]
        }
        if nearness:
            answered += 1
            right += max(nearness, key=nearness.__getitem__) in row["senses"]
    return answered, right


def whole(result: ProbeResult, layer: int | None, features: str) -> ProbeLine:
    [line] = [line for line in result.whole if (line.layer, line.features) == (layer, features)]
    return line


@pytest.mark.parametrize("layer", [1, 3])
def test_original_and_single_bits_are_classified_as_the_slow_way_does(result: ProbeResult, layer: int) -> None:
    ways = {"float16": lambda rows: rows.mean(axis=0), "sign": lambda rows: np.where(rows >= 0, 1, -1).mean(axis=0)}
    for features, decode in ways.items():
        score = whole(result, layer, features).score
        assert (score.covered, score.right) == plain_right(layer, decode), features
        assert score.instances == len(made_up()[1])


def test_the_baseline_is_the_most_frequent_training_sense(result: ProbeResult) -> None:
    train, test = made_up()
    answered = [row for row in test if row["lemma"] in {row["lemma"] for row in train}]
    frequent = {
        lemma: Counter(row["sense"] for row in train if row["lemma"] == lemma).most_common(1)[0][0]
        for lemma in ("bank", "good")
    }
    right = sum(frequent[row["lemma"]] in row["senses"] for row in answered)
    line = whole(result, None, BASELINE)
    assert line.score == SenseScore(len(test), len(answered), right)
    assert line.against_baseline == 0
    assert line.against_original is None


WORDNET = (
    "bank%1:17:01:: 09213565 1 25\n"
    "good%3:00:01:: 01123148 2 50\n"
    "river%1:17:00:: 09411430 2 3\n"
    "river%1:17:09:: 09411431 1 9\n"
    "river%2:38:00:: 09411432 1 9\n"
)
"""Lines as `index.sense` has them, made up: river's first sense as a noun is the one that is numbered 1."""


def test_a_word_that_training_lacks_gets_wordnet_s_first_sense(result: ProbeResult, tmp_path: Path) -> None:
    train, test = made_up()
    test.append(instance(401, RIVER, 1, "river%2:38:00::", lemma="river"))
    test.append(instance(402, RIVER, 1, "river%1:17:00::", accepted=["river%1:17:09::"], lemma="river"))
    test.append(instance(403, RIVER, 0, "the%1:17:00::", lemma="the"))
    files = {name: write(tmp_path / f"{name}.parquet", rows) for name, rows in (("train", train), ("test", test))}
    (tmp_path / "index.sense").write_text(WORDNET)
    found = probe(tmp_path, **files, layers=(3,), first_senses=str(tmp_path / "index.sense"))
    for line in found.whole:
        before = whole(result, line.layer, line.features).score
        assert line.score == SenseScore(len(test), before.covered, before.right, 3, 1)
        assert line.score.recall == (before.right + 1) / len(test)
    assert "3 others get WordNet's first sense, 1 of them rightly." in found.summary
    assert "The others get no answer." in result.summary


def test_a_file_that_is_not_wordnet_s_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "index.sense").write_text(WORDNET + "river 1\n")
    with pytest.raises(DataError, match=r"index\.sense: line 6 is not one of WordNet's index\.sense"):
        probe(tmp_path, first_senses=str(tmp_path / "index.sense"))
    with pytest.raises(UsageError, match="--first-senses nowhere: cannot be read"):
        probe(tmp_path, first_senses="nowhere")
    assert not (tmp_path / "out").exists()


def test_every_layer_has_the_original_8_bits_1_bit_and_what_was_asked_for(result: ProbeResult) -> None:
    features = ["float16", "uint8:per-tensor:min-max", "sign", "int2"]
    expected = [(None, BASELINE), *((layer, name) for layer in (3, 1) for name in features)]
    assert [(line.layer, line.features) for line in result.whole] == expected
    assert [line.bytes_per_token for line in result.whole] == [None, *[64, 32, 4, 8] * 2]
    original = whole(result, 1, "float16")
    assert original.against_original is None
    quantized = whole(result, 1, "sign")
    assert quantized.against_original is not None
    assert quantized.against_original[0] == pytest.approx(quantized.score.on_covered - original.score.on_covered)


def test_parts_add_up_to_the_whole(result: ProbeResult) -> None:
    assert result.parts == ["made", "other"]
    for line in result.whole:
        parts = [result.line(line, part).score for part in result.parts]
        for count in ("instances", "covered", "right", "fallback", "fallback_right"):
            assert sum(getattr(part, count) for part in parts) == getattr(line.score, count)


def test_the_files_hold_every_figure(result: ProbeResult, tmp_path: Path) -> None:
    parquet, report = result.write(tmp_path)
    rows = pq.read_table(parquet).to_pylist()
    assert rows == [line.to_dict() for line in result.lines]
    assert len(rows) == 9 * 3
    text = report.read_text()
    covered = 100 * whole(result, 3, "sign").score.on_covered
    assert f"| layer 3, sign | 4 | {covered:.1f} |" in text
    assert "| most frequent sense | – |" in text
    assert "made (" in text


def test_a_second_run_encodes_nothing_and_finds_the_same(tmp_path: Path) -> None:
    first = probe(tmp_path)
    store = tmp_path / "out" / "stores" / "layer-2-float16"
    versions = Catalogue.open(str(store)).version, Catalogue.open(str(store.with_name("layer-2-sign"))).version
    second = probe(tmp_path)
    assert second.lines == first.lines
    assert versions == (
        Catalogue.open(str(store)).version,
        Catalogue.open(str(store.with_name("layer-2-sign"))).version,
    )
    assert versions == (1, 1)


def test_a_word_that_truncation_cuts_off_gets_its_most_frequent_sense(tmp_path: Path) -> None:
    long = ["film"] * 70
    train = [instance(i, [*RIVER, f"w{i}"], 2, sense) for i, sense in enumerate(["b", "a", "a"])]
    train.append(instance(9, [*long, "bank"], 70, "c"))
    test = [instance(0, [*long, "bank"], 70, "a"), instance(1, [*long, "bank"], 70, "c")]
    files = {name: write(tmp_path / f"{name}.parquet", rows) for name, rows in (("train", train), ("test", test))}
    result = probe(tmp_path, **files)
    assert result.without_vector == (1, 2)
    assert {(line.score.covered, line.score.right) for line in result.whole} == {(2, 1)}


@pytest.mark.parametrize(
    ("request_fields", "message"),
    [
        ({"layers": (4,)}, "layers layer:4: the encoder has 3 layers; ask for 1 to 3"),
        ({"layers": (0,)}, "layer 0: layers are numbered 1 to 3"),
        ({"quantizers": ("no-such-kind",)}, "quantizer 'no-such-kind': expected one of"),
        ({"train": "nowhere.parquet"}, "nowhere.parquet: no such file"),
        ({"encoder": "nowhere/at/all/x"}, "nowhere/at/all/x"),
    ],
)
def test_wrong_usage_is_seen_before_anything_is_made(
    tmp_path: Path, request_fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        probe(tmp_path, **request_fields)
    assert message in str(raised.value)
    assert not (tmp_path / "out" / "stores").exists()


def test_an_encoding_that_fails_says_how_to_resume(tmp_path: Path) -> None:
    # Sentences of nothing but an invisible character have no tokens: dead letters, over the limit.
    rows = [instance(i, ["\u200b" * (i + 1)], 0, "x") for i in range(30)]
    with pytest.raises(JobError, match=r"did not finish .* run the experiment again to resume"):
        probe(tmp_path, train=write(tmp_path / "c.parquet", rows))


def test_the_default_layer_is_the_paper_s_16_of_24() -> None:
    assert [default_layer(layers) for layers in (24, 12, 6, 3, 1)] == [16, 8, 4, 2, 1]


@pytest.mark.skipif(not (DATA / "wsd").is_dir(), reason="needs the word-sense data")
def test_the_baseline_on_real_data_is_what_its_page_says() -> None:
    train, test = (WordInstances.read(str(DATA / "wsd" / f"{part}.parquet")) for part in ("train", "test"))
    inventory = SenseInventory.of(train.words, train.senses)
    places = inventory.most_frequent(test.words)
    score = SenseScore.of(test.accepts(inventory.named(places)), Coverage.of(places >= 0))
    assert (len(train), score.instances) == (39_666, 7_253)
    assert f"{score.covered / score.instances:.1%} {score.on_covered:.1%} {score.recall:.1%}" == "91.0% 62.5% 56.9%"
