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
    classifier = Classifier(100, 2, dropout=0.25, generator=torch.Generator().manual_seed(0), vectors=2)
    kept = classifier.draw(200)
    assert kept is not None
    assert [factors.shape for factors in kept] == [(200, 200), (200, 100)]
    for factors in kept:
        assert abs(float((factors == 0).float().mean()) - 0.25) < 0.01
        assert abs(float(factors.mean()) - 1) < 0.02
        assert set(factors.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}


def test_dropout_comes_before_each_map_as_drawn_or_as_given() -> None:
    drawing, given = (Classifier(6, 3, 0.5, torch.Generator().manual_seed(0)) for _ in range(2))
    pooled, kept = torch.randn(4, 6), given.draw(4)
    assert kept is not None
    inner = torch.tanh(given.hidden(pooled * kept[0])) * kept[1]
    torch.testing.assert_close(given.eval()(pooled, kept), given.output(inner))
    torch.testing.assert_close(drawing.train()(pooled), given.output(inner))
    assert Classifier(6, 3).draw(4) is None


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
