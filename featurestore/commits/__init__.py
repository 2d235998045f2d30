"""A change becomes the next snapshot, or a conflict."""

from encore.featurestore.commits.adoption import find_finished
from encore.featurestore.commits.change import ATTEMPTS, LONGEST_WAIT, Change, commit, commit_on_head, less

__all__ = ["ATTEMPTS", "LONGEST_WAIT", "Change", "commit", "commit_on_head", "find_finished", "less"]
