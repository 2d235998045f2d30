"""Looking after a store: deletions, verification, compaction, vacuum."""
