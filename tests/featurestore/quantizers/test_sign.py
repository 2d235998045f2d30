import numpy as np
import pytest
import torch
from hypothesis import given
from numcodecs import PackBits

from encore.featurestore.quantizers import Sign
from tests.featurestore.quantizers.strategies import features


@given(features())
def test_decoding_gives_the_sign_of_each_value(values):
    decoded = Sign().dequantize(Sign().quantize(values), values.shape[1])
    assert torch.equal(decoded, torch.where(values >= 0, 1.0, -1.0))


@given(features())
def test_the_bytes_are_those_of_numpy_packbits(values):
    packed = Sign().quantize(values).numpy()
    np.testing.assert_array_equal(packed, np.packbits(values.numpy() >= 0, axis=-1))


@given(features())
def test_each_vector_is_what_numcodecs_packbits_makes_of_it(values):
    # PackBits' first byte is the number of padding bits.
    for row, packed in zip(values.numpy(), Sign().quantize(values).numpy(), strict=True):
        encoded = PackBits().encode(row >= 0)
        assert encoded[0] == -len(row) % 8
        np.testing.assert_array_equal(packed, encoded[1:])


def test_a_block_is_what_numcodecs_packbits_makes_of_it_where_the_width_is_a_multiple_of_8():
    values = torch.randn(6, 16)
    encoded = PackBits().encode(values.numpy() >= 0)
    np.testing.assert_array_equal(Sign().quantize(values).numpy().ravel(), encoded[1:])


def test_the_first_dimension_is_the_highest_bit():
    assert Sign().quantize(torch.tensor([[1.0, -1, -1, -1, -1, -1, -1, -1]])).tolist() == [[0b1000_0000]]


def test_negative_zero_counts_as_not_negative():
    assert Sign().quantize(torch.tensor([[-0.0, 0.0]])).tolist() == [[0b1100_0000]]


@pytest.mark.parametrize("width", range(1, 18))
def test_padding_bits_are_zero(width):
    packed = Sign().quantize(torch.ones(2, width))
    assert packed.shape == (2, -(-width // 8))
    assert np.unpackbits(packed.numpy(), axis=-1).sum(axis=-1).tolist() == [width, width]


def test_every_byte_decodes_to_its_bits():
    packed = torch.arange(256, dtype=torch.uint8).unsqueeze(-1)
    bits = np.unpackbits(packed.numpy(), axis=-1).astype(np.float32)
    np.testing.assert_array_equal(Sign().dequantize(packed, 8).numpy(), 2 * bits - 1)


def test_no_value_saturates():
    assert Sign().saturated(torch.tensor([[1e38, -1e38]])) == 0


def test_strided_features_are_packed_alike():
    values = torch.randn(16, 9).T
    assert torch.equal(Sign().quantize(values), Sign().quantize(values.contiguous()))
