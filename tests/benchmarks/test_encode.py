"""Another library's run of an encoder gives what transformers gives."""

import pytest
import torch
from transformers import AutoModel

from benchmarks.encode import LIBRARIES, TOLERANCE, difference, export, padded
from tests.models import tiny_bert


@pytest.mark.parametrize("name", LIBRARIES)
def test_another_library_gives_the_states_of_transformers_for_batches_of_any_shape(name, tmp_path):
    package, load = LIBRARIES[name]
    pytest.importorskip("onnxscript")
    pytest.importorskip(package)
    plain = AutoModel.from_pretrained(tiny_bert(tmp_path / "encoder")).eval()
    export(plain, tmp_path / "encoder.onnx")
    model = load(tmp_path / "encoder.onnx")
    for lengths in ([8, 4], [1], [3, 3, 3], [2, 64, 17, 5, 40]):
        batch = padded([torch.randint(5, 99, (length,)).tolist() for length in lengths], 0)
        assert difference(plain, model, batch) < TOLERANCE


def test_a_batch_is_padded_to_its_longest_row_and_says_what_is_padding():
    batch = padded([[5, 6, 7], [8]], 1)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 1, 1]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
