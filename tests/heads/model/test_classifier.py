"""The two-layer perceptron, and a dropout that leaves torch's global generator alone."""

from __future__ import annotations

import torch

from encore.heads.model.classifier import Classifier


def test_it_is_two_linear_maps_with_tanh_between() -> None:
    classifier = Classifier(6, 3, dropout=0.5).eval()
    pooled = torch.randn(4, 6)
    inner = torch.tanh(pooled @ classifier.hidden.weight.T + classifier.hidden.bias)
    expected = inner @ classifier.output.weight.T + classifier.output.bias
    torch.testing.assert_close(classifier(pooled), expected)
    assert classifier.hidden.weight.shape == (6, 6)
    assert classifier.output.weight.shape == (3, 6)


def test_several_vectors_of_a_document_become_one_inner_vector() -> None:
    classifier = Classifier(6, 3, vectors=4).eval()
    assert classifier.hidden.weight.shape == (6, 24)
    assert float(classifier.hidden.weight.detach().abs().max()) <= 24**-0.5
    assert classifier(torch.randn(5, 24)).shape == (5, 3)


def test_it_can_begin_with_the_shares_of_the_classes() -> None:
    classifier = Classifier(6, 3)
    classifier.set_class_prior([69, 27, 1])
    torch.testing.assert_close(classifier.output.bias.detach().softmax(0), torch.tensor([0.70, 0.28, 0.02]))


def test_dropout_zeroes_its_share_and_keeps_the_mean() -> None:
    classifier = Classifier(4, 2, dropout=0.25, generator=torch.Generator().manual_seed(0)).train()
    dropped = classifier._drop(torch.ones(200, 200))
    assert abs(float((dropped == 0).float().mean()) - 0.25) < 0.01
    assert abs(float(dropped.mean()) - 1) < 0.02
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}


def test_dropout_is_for_training_alone() -> None:
    classifier = Classifier(4, 2, dropout=0.5).eval()
    pooled = torch.randn(3, 4)
    assert torch.equal(classifier(pooled), classifier(pooled))


def test_weights_and_dropout_come_from_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    pooled = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    first, second = (Classifier(4, 2, 0.3, torch.Generator().manual_seed(7)).train()(pooled) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())


def test_initial_weights_are_those_of_torch() -> None:
    classifier = Classifier(100, 50, generator=torch.Generator().manual_seed(0))
    for parameter in (*classifier.hidden.parameters(), *classifier.output.parameters()):
        assert 0.09 < float(parameter.detach().abs().max()) <= 0.1
