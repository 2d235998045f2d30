"""The paper's word-sense probe (section 6.3, table 4): how well stored features tell the senses of a word apart."""

from encore.experiments.word_sense.probe import ProbeRequest, run_probe
from encore.experiments.word_sense.results import ProbeResult

__all__ = ["ProbeRequest", "ProbeResult", "run_probe"]
