from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

from encore.encoders.training import JointTraining, StepReport, resume, save_checkpoint
from encore.featurestore.errors import StoreError, UsageError
from tests.encoders.training.building import build, weights


class KilledError(Exception):
    pass


def kill_after(number: int, training: JointTraining, path: Path) -> None:
    """Run with a checkpoint every two steps, until the progress callback raises in step ``number``."""

    def on_step(step: StepReport) -> None:
        if step.number % 2 == 0:
            save_checkpoint(training, path)
        if step.number == number:
            raise KilledError

    with pytest.raises(KilledError):
        training.run(on_step=on_step)


@pytest.mark.parametrize("killed", [2, 3, 5])
def test_a_resumed_training_ends_with_the_weights_of_an_uninterrupted_one(
    encoder_path: Path, tmp_path: Path, killed: int
):
    whole = build(encoder_path)
    whole.run()
    kill_after(killed, build(encoder_path), tmp_path / "c")
    resumed = build(encoder_path)
    assert resume(resumed, tmp_path / "c")
    assert resumed.done == killed // 2 * 2
    resumed.run()
    found = weights(resumed)
    assert all(torch.equal(found[name], tensor) for name, tensor in weights(whole).items())
    assert resumed.history == whole.history


def test_the_moments_of_the_optimizer_are_part_of_it(encoder_path: Path, tmp_path: Path):
    training = build(encoder_path)
    training.run(3)
    save_checkpoint(training, tmp_path / "c")
    restored = build(encoder_path)
    resume(restored, tmp_path / "c")
    states = [list(part.optimizer.state_dict()["state"].values()) for part in (training, restored)]
    assert len(states[0]) == len(list(training.encoder.model.parameters())) + 4
    for mine, theirs in zip(*states, strict=True):
        assert all(torch.equal(mine[key], theirs[key]) for key in ("step", "exp_avg", "exp_avg_sq"))


def test_without_a_checkpoint_a_training_starts_afresh(encoder_path: Path, tmp_path: Path):
    training = build(encoder_path)
    assert not resume(training, tmp_path / "none")
    assert training.done == 0


def test_who_is_killed_while_writing_leaves_the_checkpoint_before(
    encoder_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "c"
    training = build(encoder_path)
    training.run(2)
    save_checkpoint(training, path)
    before = path.read_bytes()
    training.run(4)

    def half(tensors: dict[str, torch.Tensor], file: Path, metadata: dict[str, str]) -> None:
        Path(file).write_bytes(safetensors.torch.save(tensors, metadata)[:1000])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(safetensors.torch, "save_file", half)
        # What a kill that nothing can catch leaves behind.
        patch.setattr(Path, "unlink", lambda *_args, **_kwargs: None)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(training, path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2
    restored = build(encoder_path)
    assert resume(restored, path)
    assert restored.done == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 2e-3}, "learning_rate differ"),
        ({"steps": 7, "seed": 3}, "steps, seed differ"),
        ({"batch_tokens": 61}, "batch_tokens"),
        ({"precision": "bfloat16"}, "precision"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(
    encoder_path: Path, tmp_path: Path, settings: dict[str, object], message: str
):
    save_checkpoint(build(encoder_path), tmp_path / "c")
    with pytest.raises(UsageError, match=f"of another training: .*{message}"):
        resume(build(encoder_path, **settings), tmp_path / "c")


def test_a_checkpoint_of_other_documents_is_refused(encoder_path: Path, tmp_path: Path):
    save_checkpoint(build(encoder_path), tmp_path / "c")
    other = build(encoder_path)
    other.digests = {**other.digests, "tone": "0" * 64}
    with pytest.raises(UsageError, match="of another training: tasks differ"):
        resume(other, tmp_path / "c")


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: b"x" * 200])
def test_a_damaged_checkpoint_is_named(encoder_path: Path, tmp_path: Path, damage):
    save_checkpoint(build(encoder_path), tmp_path / "c")
    (tmp_path / "c").write_bytes(damage((tmp_path / "c").read_bytes()))
    with pytest.raises(StoreError, match=r"checkpoint .*: damaged"):
        resume(build(encoder_path), tmp_path / "c")
