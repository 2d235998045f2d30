"""What users give to a function, as the jobs take it: tables in memory, limits, heads, and how progress is shown.

The modules are imported one by one: `encore.open_store` needs tables, and heads would import torch.
"""
