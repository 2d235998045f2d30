"""Beam jobs that move the data: corpus to store, store to store, store to predictions."""
