"""The terminal: what may stand on it, streams that never end a command, logging, the layout of help."""
