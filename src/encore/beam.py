"""Transforms for Beam pipelines over stored features.

`ReadFeatures` begins a pipeline with the documents of a store, `ScoreFeatures` scores them with heads:

    pipeline | ReadFeatures("features") | ScoreFeatures("trained/topic")
"""

from encore.pipelines.transforms import ReadFeatures, ScoreFeatures

__all__ = ["ReadFeatures", "ScoreFeatures"]
