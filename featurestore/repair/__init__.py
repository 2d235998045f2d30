"""Repair: a damaged store becomes whole again without what is damaged, and says what that was.

It acts on what a deep verification finds, and reads the format by the same functions. What is damaged is kept aside;
names are never used again; the snapshot that holds what is whole is published like any commit
(docs/design/0046).
"""
