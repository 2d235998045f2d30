"""A change becomes the next snapshot, or a conflict."""

from encore.featurestore.commits.adoption import find_adoptable
from encore.featurestore.commits.change import Change
from encore.featurestore.commits.publication import ATTEMPTS, LONGEST_WAIT, commit, commit_on_head

__all__ = ["ATTEMPTS", "LONGEST_WAIT", "Change", "commit", "commit_on_head", "find_adoptable"]
