"""The functions that do work, each in a file of its name: they take the words of its command."""
