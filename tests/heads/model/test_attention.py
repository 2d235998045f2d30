"""Attention pooling equals torch's attention with as many queries, gradients included."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from encore.featurestore import UsageError
from encore.heads import AttentionPooling
from encore.heads.attention_sizes import default_heads
from encore.heads.batches.batch import Batch

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def torch_attention(pooling: AttentionPooling, key_bias: torch.Tensor) -> nn.MultiheadAttention:
    """torch's own module with the same weights, and a key bias besides."""
    theirs = nn.MultiheadAttention(pooling.width, pooling.heads, batch_first=True, dtype=pooling.query.dtype)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([pooling.query_weight, pooling.key_weight, pooling.value_weight]))
        theirs.in_proj_bias.copy_(torch.cat([pooling.query_bias, key_bias, pooling.value_bias]))
        theirs.out_proj.weight.copy_(pooling.output_weight)
        theirs.out_proj.bias.copy_(pooling.output_bias)
    return theirs


def random_pooling(width: int, heads: int, generator: torch.Generator, queries: int = 1) -> AttentionPooling:
    """A pooling of float64 whose every parameter, biases too, is away from zero."""
    pooling = AttentionPooling(width, heads, generator, queries=queries).double()
    with torch.no_grad():
        for parameter in pooling.parameters():
            values = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            # Maps that keep lengths give scores of about 1: neither uniform attention nor one token alone.
            parameter.copy_(values if parameter.ndim == 1 or parameter is pooling.query else values / width**0.5)
    return pooling


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, int, int, list[int]]:
    """(width, heads, queries, lengths of the documents)."""
    heads = draw(st.integers(1, 8))
    width = heads * draw(st.integers(1, 8))
    return width, heads, draw(st.integers(1, 5)), draw(st.lists(st.integers(1, 12), min_size=1, max_size=6))


@given(shape=shapes(), seed=st.integers(0, 2**31), dtype=st.sampled_from([torch.float32, torch.float64]))
@example(shape=(384, 6, 1, [1, 3, 50]), seed=0, dtype=torch.float32)
@example(shape=(384, 6, 1, [1, 3, 50]), seed=0, dtype=torch.float64)
@example(shape=(384, 6, 4, [1, 3, 50]), seed=0, dtype=torch.float32)
@example(shape=(384, 6, 4, [1, 3, 50]), seed=0, dtype=torch.float64)
@example(shape=(1024, 16, 1, [2, 40]), seed=1, dtype=torch.float32)
def test_folded_attention_is_torch_attention_with_the_same_queries(
    shape: tuple[int, int, int, list[int]], seed: int, dtype: torch.dtype
) -> None:
    width, heads, queries, lengths = shape
    generator = torch.Generator().manual_seed(seed)
    ours = random_pooling(width, heads, generator, queries).to(dtype)
    key_bias = torch.randn(width, generator=generator, dtype=torch.float64).to(dtype)
    theirs = torch_attention(ours, key_bias)
    values = torch.randn(len(lengths), max(lengths), width, generator=generator, dtype=torch.float64).to(dtype)
    weighing = torch.randn(len(lengths), queries * width, generator=generator, dtype=torch.float64).to(dtype)
    counts = torch.tensor(lengths)
    padding = torch.arange(max(lengths)) >= counts[:, None]

    values_ours = values.clone().requires_grad_()
    pooled = ours(Batch.of(values_ours, counts))
    (pooled * weighing).sum().backward()

    values_theirs = values.clone().requires_grad_()
    query = ours.query.detach().clone().requires_grad_()
    rows = query.view(queries, width).expand(len(lengths), queries, width)
    attended, _ = theirs(rows, values_theirs, values_theirs, key_padding_mask=padding, need_weights=False)
    expected = attended.flatten(1)
    (expected * weighing).sum().backward()

    query_weight, key_weight, value_weight = theirs.in_proj_weight.grad.chunk(3)
    query_bias, key_bias_gradient, value_bias = theirs.in_proj_bias.grad.chunk(3)
    pairs = {
        "pooled": (pooled, expected),
        "query": (ours.query.grad, query.grad),
        "query weight": (ours.query_weight.grad, query_weight),
        "query bias": (ours.query_bias.grad, query_bias),
        "key weight": (ours.key_weight.grad, key_weight),
        "value weight": (ours.value_weight.grad, value_weight),
        "value bias": (ours.value_bias.grad, value_bias),
        "output weight": (ours.output_weight.grad, theirs.out_proj.weight.grad),
        "output bias": (ours.output_bias.grad, theirs.out_proj.bias.grad),
        "values": (values_ours.grad, values_theirs.grad),
    }
    largest = max(float(reference.detach().abs().max()) for _, reference in pairs.values())
    for name, (mine, reference) in pairs.items():
        # Some gradients vanish and hold rounding alone: those of the query do, where documents have one token.
        scale = max(float(reference.detach().abs().max()), 0.1 * largest)
        assert float((mine - reference).detach().abs().max()) <= TOLERANCE[dtype] * scale, name
    # Ours has no key bias: it would never learn.
    assert float(key_bias_gradient.abs().max()) <= TOLERANCE[dtype] * largest


def test_padding_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    pooling = random_pooling(12, 3, generator)
    values = torch.randn(2, 5, 12, generator=generator, dtype=torch.float64)
    lengths = torch.tensor([2, 5])
    elsewhere = values.clone()
    elsewhere[0, 2:] = 1e6
    pooled = pooling(Batch.of(values, lengths))
    assert torch.equal(pooled, pooling(Batch.of(elsewhere, lengths)))
    assert torch.allclose(pooled[:1], pooling(Batch.of(values[:1, :2], lengths[:1])), rtol=1e-12)


@pytest.mark.parametrize(
    ("width", "heads"), [(384, 6), (1024, 16), (768, 12), (312, 4), (16, 1), (64, 1), (200, 2), (127, 1), (320, 5)]
)
def test_heads_are_as_wide_as_those_of_bert_where_that_divides(width: int, heads: int) -> None:
    assert default_heads(width) == heads
    assert AttentionPooling(width).heads == heads


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(UsageError, match="attention heads 5: they must divide the hidden size 12"):
        AttentionPooling(12, 5)
    with pytest.raises(UsageError, match="attention heads 0"):
        AttentionPooling(12, 0)


@pytest.mark.parametrize("queries", [0, -1, 65])
def test_an_impossible_number_of_queries_is_refused(queries: int) -> None:
    with pytest.raises(UsageError, match=f"queries {queries}: expected 1 to 64"):
        AttentionPooling(12, 3, queries=queries)


def test_queries_start_apart_and_the_rest_as_with_one() -> None:
    one, four = (AttentionPooling(8, 2, torch.Generator().manual_seed(7), queries=queries) for queries in (1, 4))
    assert one.query.shape == (8,)
    assert four.query.shape == (4, 8)
    assert len({tuple(query.tolist()) for query in four.query}) == 4
    shapes = [{name: p.shape for name, p in pooling.named_parameters() if name != "query"} for pooling in (one, four)]
    assert shapes[0] == shapes[1]


def test_initial_weights_come_from_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first, second = (AttentionPooling(8, 2, torch.Generator().manual_seed(7)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert torch.equal(before, torch.random.get_rng_state())
