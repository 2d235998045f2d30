"""Loading a frozen encoder with its identity from files. An error says what to do."""

from encore.encoders.loading.components import load_config
from encore.encoders.loading.loader import load_encoder

__all__ = ["load_config", "load_encoder"]
