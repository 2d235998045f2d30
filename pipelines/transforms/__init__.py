"""Public Beam transforms: stored features and their scores in pipelines of a user's own."""

from encore.pipelines.transforms.feature_scores import ScoreFeatures
from encore.pipelines.transforms.feature_source import ReadFeatures

__all__ = ["ReadFeatures", "ScoreFeatures"]
