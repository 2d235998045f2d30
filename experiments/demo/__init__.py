"""The whole loop on text that every machine has."""
