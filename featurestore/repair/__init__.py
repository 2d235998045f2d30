"""Repair: a damaged store becomes whole again without what is damaged, and says what that was.

It acts on what a deep verification finds, and reads the format by the same functions. What is damaged is kept aside;
names are never used again; the snapshot that holds what is whole is published like any commit
(docs/design/0046).
"""

from encore.featurestore.repair.execution import BlockListChoice, Repair, carry_out
from encore.featurestore.repair.plan import RepairPlan, plan_repair
from encore.featurestore.repair.quarantine import Quarantine
from encore.featurestore.repair.salvage import Salvage, find_salvage, list_again

__all__ = [
    "BlockListChoice",
    "Quarantine",
    "Repair",
    "RepairPlan",
    "Salvage",
    "carry_out",
    "find_salvage",
    "list_again",
    "plan_repair",
]
