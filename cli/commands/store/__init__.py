"""Commands on a store: what is in it, and its upkeep."""
