from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer

from encore.encoders import load_encoder
from encore.encoders.training import (
    JointTraining,
    StepReport,
    TaskTokens,
    TrainingSettings,
    predict_classes,
    task_weights,
)
from encore.featurestore.errors import JobError, UsageError
from tests.encoders.architectures import named, save
from tests.encoders.plain import block
from tests.encoders.training.building import CODES, TEXTS, DroppingHead, build, examples, weights

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def gradients(training: JointTraining) -> dict[str, torch.Tensor]:
    parts = {"model": training.encoder.model, **training.heads}
    return {f"{key}.{name}": p.grad.clone() for key, part in parts.items() for name, p in part.named_parameters()}


def plain_gradients(
    path: Path, taken: dict[str, list[int]], temperature: float
) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients of one step, one document at a time through transformers, without padding and dropout."""
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModel.from_pretrained(path, add_pooling_layer=False).eval()
    heads = {"tone": DroppingHead(32, 2, seed=1).eval(), "kind": DroppingHead(32, 3, seed=2).eval()}
    sizes = {task: len(texts) for task, texts in TEXTS.items()}
    alpha = {task: size**temperature / sum(s**temperature for s in sizes.values()) for task, size in sizes.items()}
    total = torch.zeros(())
    for task, documents in taken.items():
        losses = []
        for document in documents:
            pair = f"of {document - 1}" if task == "kind" and document else None
            tokens = tokenizer(TEXTS[task][document], pair, return_tensors="pt")
            logits = heads[task](model(**tokens).last_hidden_state[:, 0])
            losses.append(-functional.log_softmax(logits[0], dim=0)[CODES[task][document]])
        total = total + alpha[task] * sum(losses) / len(losses)
    total.backward()
    parts = {"model": model, **heads}
    found = {f"{key}.{name}": p.grad for key, part in parts.items() for name, p in part.named_parameters()}
    return total.item(), found


def taken_in(training: JointTraining, step: int) -> dict[str, list[int]]:
    documents, owners = training.documents_of(step)
    return {
        task: (documents[owners == number] - (0, 13)[number]).tolist() for number, task in enumerate(("tone", "kind"))
    }


def test_loss_and_gradients_are_those_of_documents_one_at_a_time(encoder_path: Path):
    training = build(encoder_path, dropout=False, temperature=1.0)
    loss, expected = plain_gradients(encoder_path, taken_in(training, 0), 1.0)
    steps: list[StepReport] = []
    training.run(1, steps.append)
    assert steps[0].loss == pytest.approx(loss, rel=1e-5)
    found = gradients(training)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


def test_a_step_is_adam_with_decoupled_decay_at_the_warm_up_rate(encoder_path: Path):
    training = build(encoder_path, dropout=False, steps=100, warmup=0.04, head_factor=3.0)
    before = weights(training)
    training.run(1)
    after = weights(training)
    # The first of 4 warm-up steps, and the first step of Adam: its corrected moments are g and g².
    for name, gradient in gradients(training).items():
        rate = 1e-3 / 4 * (1.0 if name.startswith("model.") else 3.0)
        expected = before[name] * (1 - rate * 0.01) - rate * gradient / (gradient.abs() + 1e-6)
        torch.testing.assert_close(after[name], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("batch_tokens", [1, 30, 100_000])
def test_the_gradient_does_not_depend_on_how_a_step_is_cut_into_batches(encoder_path: Path, batch_tokens: int):
    reference = build(encoder_path, dropout=False, batch_tokens=60)
    other = build(encoder_path, dropout=False, batch_tokens=batch_tokens)
    reference.run(1)
    other.run(1)
    for name, gradient in gradients(reference).items():
        torch.testing.assert_close(gradients(other)[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


def test_every_step_takes_as_many_samples_of_every_task(encoder_path: Path):
    training = build(encoder_path, samples=3)
    steps = [taken_in(training, step) for step in range(13)]
    assert {len(documents) for step in steps for documents in step.values()} == {3}
    tone = [document for step in steps for document in step["tone"]]
    assert [sorted(tone[start : start + 13]) for start in (0, 13, 26)] == [list(range(13))] * 3


def test_the_sum_of_losses_is_weighted_by_the_sizes(encoder_path: Path):
    training = build(encoder_path)
    steps: list[StepReport] = []
    training.run(on_step=steps.append)
    alpha = task_weights({"tone": 13, "kind": 7}, 0.1)
    for step in steps:
        assert step.loss == pytest.approx(sum(alpha[task] * loss for task, loss in step.losses.items()))
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6]
    assert steps[0].tokens == training._tokens.lengths[training.documents_of(0)[0]].sum()


def test_the_same_seed_trains_the_same_weights_whatever_else_is_drawn(encoder_path: Path):
    first, second, other = build(encoder_path), build(encoder_path), build(encoder_path, seed=1)
    first.run()
    torch.manual_seed(99)
    state = torch.random.get_rng_state()
    second.run(on_step=lambda _: torch.rand(3))
    torch.random.set_rng_state(state)
    other.run()
    assert all(torch.equal(weights(first)[name], tensor) for name, tensor in weights(second).items())
    assert not all(torch.equal(weights(first)[name], tensor) for name, tensor in weights(other).items())


class DrawingHead(nn.Module):
    """A head that keeps what it draws from torch's global generator."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(32, 2)
        self.drawn: list[float] = []

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        self.drawn.append(torch.rand(()).item())
        return self.linear(pooled)


def test_every_step_draws_anew_and_again_the_same_where_it_goes_on(encoder_path: Path):
    def drawn(done: int) -> list[float]:
        encoder = load_encoder(str(encoder_path), device="cpu", trainable=True)
        head = DrawingHead()
        training = JointTraining(encoder, {"tone": head}, examples(encoder)[:1], TrainingSettings(steps=5))
        training.done = done
        training.run()
        return head.drawn

    whole = drawn(0)
    assert len(set(whole)) == 5
    assert drawn(3) == whole[3:]


def test_torchs_global_generator_is_left_alone(encoder_path: Path):
    training = build(encoder_path)
    before = torch.random.get_rng_state()
    training.run(2)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_bfloat16_keeps_the_weights_in_float32_and_the_losses_close(encoder_path: Path):
    found: dict[str, list[float]] = {}
    for precision in ("float32", "bfloat16"):
        training = build(encoder_path, dropout=False, precision=precision, steps=3)
        losses: list[float] = []
        training.run(on_step=lambda step, losses=losses: losses.append(step.loss))
        found[precision] = losses
        assert {tensor.dtype for tensor in weights(training).values()} == {torch.float32}
    assert found["bfloat16"] == pytest.approx(found["float32"], rel=0.05)
    assert found["bfloat16"] != found["float32"]


@pytest.mark.cuda
@CUDA
def test_auto_precision_trains_on_cuda_in_bfloat16(encoder_path: Path):
    encoder = load_encoder(str(encoder_path), device="cuda", trainable=True)
    heads = {"tone": DroppingHead(32, 2, seed=1), "kind": DroppingHead(32, 3, seed=2)}
    training = JointTraining(encoder, heads, examples(encoder), TrainingSettings(steps=30, learning_rate=1e-3))
    losses: list[float] = []
    training.run(on_step=lambda step: losses.append(step.loss))
    assert training.precision == "bfloat16"
    assert {tensor.dtype for tensor in weights(training).values()} == {torch.float32}
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_a_training_learns_what_can_be_learned(encoder_path: Path):
    encoder = load_encoder(str(encoder_path), device="cpu", trainable=True)
    texts = [f"{'good' if number % 2 else 'bad'} {number}" for number in range(40)]
    documents = TaskTokens.tokenize(encoder, "tone", block(texts), np.arange(40) % 2)
    heads = {"tone": DroppingHead(32, 2, seed=1)}
    settings = TrainingSettings(steps=40, samples=16, learning_rate=1e-3)
    training = JointTraining(encoder, heads, [documents], settings)
    training.run()
    assert (predict_classes(encoder, heads["tone"], documents.tokens, "cls") == documents.codes).mean() > 0.95


def test_predicting_leaves_out_dropout_and_puts_the_modes_back(encoder_path: Path):
    training = build(encoder_path)
    training.run(1)
    head = training.heads["tone"]
    answers = [predict_classes(training.encoder, head, examples(training.encoder)[0].tokens, "cls") for _ in range(2)]
    assert np.array_equal(*answers)
    assert training.encoder.model.training
    assert head.training


def test_the_mean_position_leaves_out_padding(encoder_path: Path):
    one, many = (build(encoder_path, dropout=False, position="mean", batch_tokens=size) for size in (1, 100_000))
    one.run(1)
    many.run(1)
    for name, gradient in gradients(one).items():
        torch.testing.assert_close(gradients(many)[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


def test_a_training_that_diverges_is_an_error(encoder_path: Path):
    training = build(encoder_path, learning_rate=1e30)
    with pytest.raises(JobError, match=r"training diverged in step \d at learning rate 1e\+30"):
        training.run()


def test_pairs_need_a_pair_template(encoder_path: Path):
    encoder = load_encoder(str(encoder_path), device="cpu", trainable=True)
    with pytest.raises(UsageError, match="task kind: max length 4"):
        TaskTokens.tokenize(encoder, "kind", block(["a"], ["b"]), np.zeros(1, np.int64), max_length=4)


def test_a_length_without_positions_is_refused(encoder_path: Path):
    encoder = load_encoder(str(encoder_path), device="cpu", trainable=True)
    with pytest.raises(UsageError, match="max length 65"):
        TaskTokens.tokenize(encoder, "tone", block(["a"]), np.zeros(1, np.int64), max_length=65)


def test_a_step_of_an_encoder_in_which_padding_shows_does_not_depend_on_its_batches(tmp_path: Path) -> None:
    row = named("FNet")
    path = save(replace(row, settings={**row.settings, "hidden_size": 32}), tmp_path)
    losses = []
    for batch_tokens in (1, 40, 4000):
        training = build(path, dropout=False, steps=2, batch_tokens=batch_tokens)
        training.run()
        losses.append([losses_ for _, losses_ in training.history.windows])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    np.testing.assert_allclose(losses[0], losses[2], rtol=1e-4)


def test_documents_to_predict_that_are_longer_than_those_trained_on_may_be_refused(tmp_path: Path):
    path = save(named("Llama with longrope, beyond the original length"), tmp_path)
    encoder = load_encoder(str(path), device="cpu", trainable=True)
    short, long = (
        TaskTokens.tokenize(encoder, "tone", block(["a b c", "d e f " * n]), CODES["tone"][:2], 40) for n in (2, 9)
    )
    head = nn.Linear(16, 2)
    training = JointTraining(encoder, {"tone": head}, [short], TrainingSettings(steps=1, samples=2, position="mean"))
    training.run()
    assert len(predict_classes(encoder, head, short.tokens, "mean")) == 2
    with pytest.raises(UsageError, match="ask for a max length below 17"):
        predict_classes(encoder, head, long.tokens, "mean")
    assert encoder.model.training
