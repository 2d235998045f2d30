"""The command line: one thin Typer command per job, no logic."""
