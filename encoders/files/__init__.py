"""The files of an encoder: finding them, checking what they name, and reading settings without transformers."""

from encore.encoders.files.json_objects import check_json_objects
from encore.encoders.files.references import check_names, weight_files
from encore.encoders.files.sentence import SentenceSettings
from encore.encoders.files.sources import EncoderFiles, find_files
from encore.encoders.files.verbosity import quiet_transformers

__all__ = [
    "EncoderFiles",
    "SentenceSettings",
    "check_json_objects",
    "check_names",
    "find_files",
    "quiet_transformers",
    "weight_files",
]
