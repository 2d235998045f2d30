"""Encore: a batch feature store for text."""
