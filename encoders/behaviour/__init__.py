"""Properties of a loaded model that are found by running it: shape, limits, first token, token types, padding."""

from encore.encoders.behaviour.batch_effects import SHORT_LENGTHS, padding_shows, with_safe_padding
from encore.encoders.behaviour.boundaries import boundaries_of
from encore.encoders.behaviour.first_token import first_token_of
from encore.encoders.behaviour.shape import check_runs, hidden_shape, position_limit, run_sample, vocabulary_size
from encore.encoders.behaviour.token_types import tells_texts_apart

__all__ = [
    "SHORT_LENGTHS",
    "boundaries_of",
    "check_runs",
    "first_token_of",
    "hidden_shape",
    "padding_shows",
    "position_limit",
    "run_sample",
    "tells_texts_apart",
    "vocabulary_size",
    "with_safe_padding",
]
