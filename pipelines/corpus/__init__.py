"""Reading a corpus: files → work units → documents and dead letters. Plain functions, without Beam."""

from encore.pipelines.corpus.columns import CorpusColumns
from encore.pipelines.corpus.cutting import UNITS_AIMED_AT, DocumentSize
from encore.pipelines.corpus.planning import Plan, plan
from encore.pipelines.corpus.pruning import IDS_SHOWN, PruneLimit, Pruning, listing_to_parquet
from encore.pipelines.corpus.reading import UnitRead, read_units
from encore.pipelines.corpus.sample import SampleUnit, order_by_key, read_sample, sample_units, smallest_keys
from encore.pipelines.corpus.units import WorkUnit, group_by_split

__all__ = [
    "IDS_SHOWN",
    "UNITS_AIMED_AT",
    "CorpusColumns",
    "DocumentSize",
    "Plan",
    "PruneLimit",
    "Pruning",
    "SampleUnit",
    "UnitRead",
    "WorkUnit",
    "group_by_split",
    "listing_to_parquet",
    "order_by_key",
    "plan",
    "read_sample",
    "read_units",
    "sample_units",
    "smallest_keys",
]
