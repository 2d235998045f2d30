"""The command line: one thin Typer command for each job, without logic of its own."""
