"""The paper's word-sense probe (section 6.3, table 4): which sense of a word its stored features tell."""

from encore.experiments.word_sense.probe import ProbeRequest, run_probe
from encore.experiments.word_sense.results import ProbeResult

__all__ = ["ProbeRequest", "ProbeResult", "run_probe"]
