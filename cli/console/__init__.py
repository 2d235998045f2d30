"""The terminal: making text safe to print, streams whose errors never end a command, logging, the layout of help."""
