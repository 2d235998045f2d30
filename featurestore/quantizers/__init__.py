"""The lossy numeric map between float features and stored numbers, one file a quantizer."""

from encore.featurestore.quantizers.base import Calibration, Quantizer
from encore.featurestore.quantizers.float16 import Float16
from encore.featurestore.quantizers.int2 import Int2
from encore.featurestore.quantizers.int4 import Int4
from encore.featurestore.quantizers.registry import REGISTRY, calibrate, parse_quantizer, quantizer_from_dict
from encore.featurestore.quantizers.sign import Sign
from encore.featurestore.quantizers.sign_centred import SignCentred
from encore.featurestore.quantizers.uint8 import UInt8

__all__ = [
    "REGISTRY",
    "Calibration",
    "Float16",
    "Int2",
    "Int4",
    "Quantizer",
    "Sign",
    "SignCentred",
    "UInt8",
    "calibrate",
    "parse_quantizer",
    "quantizer_from_dict",
]
