"""What quantizers are built from: the contract, families, calibration passes, bit packing."""

from encore.featurestore.quantizers.base.contract import Calibration, Quantizer
from encore.featurestore.quantizers.base.fixed_quantizer import FixedQuantizer
from encore.featurestore.quantizers.base.gaussian_quantizer import GaussianQuantizer
from encore.featurestore.quantizers.base.histograms import Histogram
from encore.featurestore.quantizers.base.learned_quantizer import LearnedQuantizer
from encore.featurestore.quantizers.base.packing import pack_at_least, packed_width, unpack
from encore.featurestore.quantizers.base.ranges import Range

__all__ = [
    "Calibration",
    "FixedQuantizer",
    "GaussianQuantizer",
    "Histogram",
    "LearnedQuantizer",
    "Quantizer",
    "Range",
    "pack_at_least",
    "packed_width",
    "unpack",
]
