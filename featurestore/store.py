"""`Catalogue` under its former name, for the package `heads`, which takes the new name next."""

from encore.featurestore.catalogue import Catalogue as Store

__all__ = ["Store"]
