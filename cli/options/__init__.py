"""Options and values of the command line that several commands share, each defined once."""
