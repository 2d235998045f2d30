"""Reading a corpus: files to work units, work units to documents and dead letters. Plain functions, no Beam."""

from pipelines.corpus.columns import CorpusColumns
from pipelines.corpus.planning import Plan, plan
from pipelines.corpus.read import read_unit
from pipelines.corpus.sample import SampleUnit, order_by_key, read_sample, read_sample_unit, sample_units, smallest_keys
from pipelines.corpus.units import WorkUnit

__all__ = [
    "CorpusColumns",
    "Plan",
    "SampleUnit",
    "WorkUnit",
    "order_by_key",
    "plan",
    "read_sample",
    "read_sample_unit",
    "read_unit",
    "sample_units",
    "smallest_keys",
]
