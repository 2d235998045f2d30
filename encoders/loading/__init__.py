"""Files to a frozen encoder on its device, with an identity; or a refusal that says what to do."""

from encore.encoders.loading.components import load_config
from encore.encoders.loading.loader import load_encoder

__all__ = ["load_config", "load_encoder"]
