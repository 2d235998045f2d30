"""Decoding of chunks: into memory that is given, the whole of it or an error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numcodecs import Blosc, Zstd

from encore.featurestore.errors import UsageError
from encore.featurestore.segments.codecs import CODECS, codec_chain, decoder

ENCODERS = {"none": lambda data: data, "zstd": Zstd(1).encode, "blosc": Blosc(cname="zstd", clevel=6).encode}
SIZES = (1, 255, 256, 257, 65_791, 65_792, 65_793, 300_000)
"""On both sides of where the header of a Zstandard frame takes more bytes for its size."""


def encoded(codec: str, values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """What is stored of a chunk, without its crc32c."""
    return np.frombuffer(ENCODERS[codec](values.tobytes()), np.uint8)


def numbers(size: int) -> npt.NDArray[np.uint8]:
    """Bytes that can be compressed, none of them the 255 that arrays are filled with here."""
    return np.random.default_rng(size).integers(0, 9, size, np.uint8)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", SIZES)
class TestDecoder:
    def test_fills_an_array_with_what_it_gives_without_one(self, codec: str, size: int) -> None:
        values = numbers(size)
        data, out = encoded(codec, values), np.full(size, 255, np.uint8)
        given_back = decoder(codec)(data, len(out), out)
        np.testing.assert_array_equal(out, values)
        np.testing.assert_array_equal(given_back, values)
        np.testing.assert_array_equal(decoder(codec)(data, size), values)

    @pytest.mark.parametrize("off", [-1, 1])
    def test_refuses_an_array_that_it_would_not_fill(self, codec: str, size: int, off: int) -> None:
        data, out = encoded(codec, numbers(size)), np.full(size + off, 255, np.uint8)
        with pytest.raises((ValueError, RuntimeError)):
            decoder(codec)(data, len(out), out)


class TestZstandardFrames:
    def test_writes_to_the_array_itself(self) -> None:
        # What numcodecs returns would otherwise be a copy, and nothing but time would tell.
        out = np.empty(1000, np.uint8)
        assert np.shares_memory(decoder("zstd")(encoded("zstd", numbers(1000)), 1000, out), out)

    def test_takes_several_frames_for_one(self) -> None:
        # Allowed by RFC 8878, 3: the first one's size is not that of all.
        first, second = numbers(100), numbers(50)
        data, out = np.concatenate([encoded("zstd", first), encoded("zstd", second)]), np.empty(150, np.uint8)
        np.testing.assert_array_equal(decoder("zstd")(data, len(out), out), np.concatenate([first, second]))
        with pytest.raises((ValueError, RuntimeError)):
            decoder("zstd")(data, 100)

    @given(st.integers(0, 40), st.binary(max_size=40))
    def test_never_passes_an_unfilled_array_for_a_full_one(self, kept: int, tail: bytes) -> None:
        data = np.frombuffer(encoded("zstd", numbers(300)).tobytes()[:kept] + tail, np.uint8)
        out = np.full(300, 255, np.uint8)
        try:
            plain = Zstd().decode(data)
        except (ValueError, RuntimeError):
            with pytest.raises((ValueError, RuntimeError)):
                decoder("zstd")(data, len(out), out)
            return
        if len(plain) == len(out):
            np.testing.assert_array_equal(decoder("zstd")(data, len(out), out), np.frombuffer(plain, np.uint8))
        else:
            with pytest.raises((ValueError, RuntimeError)):
                decoder("zstd")(data, len(out), out)


def test_unknown_codecs_are_named() -> None:
    with pytest.raises(ValueError, match="none, zstd, blosc"):
        decoder("gzip")
    with pytest.raises(UsageError, match="none, zstd, blosc"):
        codec_chain("gzip", 1)
