"""The layout of a command's help: many options are put into panels, and paragraphs are as wide as the terminal."""

from __future__ import annotations

from typing import Any

MANY = 10
"""The most options of a command without panels."""

PANELS = {
    "Columns and text files": (
        *("--id-column", "--text-column", "--pair-column", "--label-column", "--keep-columns"),
        *("--encoding", "--csv-delimiter", "--csv-escape"),
    ),
    "Features": (
        *("--encoder", "--layers", "--positions", "--quantizer", "--max-length", "--truncation-side"),
        *("--no-special-tokens", "--codec", "--like", "--mean-layers"),
    ),
    "Training": (
        *("--pooling", "--attention-heads", "--queries", "--layer-mix", "--epochs", "--lr", "--batch-size"),
        *("--patience", "--seed", "--seeds", "--order-seed", "--steps", "--samples", "--temperature"),
        *("--precision", "--batch-tokens", "--train-rows", "--dev-rows", "--dev", "--dev-share", "--memory"),
    ),
    "Bad documents, and those that have left the corpus": (
        *("--max-dead-letters", "--dead-letters", "--prune", "--max-pruned"),
    ),
    "The run": (
        *(
            "--device",
            "--dtype",
            "--unit-rows",
            "--workers",
            "--give-up-after",
            "--snapshot",
            "--checkpoint-steps",
            "--allow-download",
        ),
        *("--metrics", "--report", "--json", "--limit", "--no-sync", "--help"),
    ),
}
"""Panel → options, for all commands. Other options stay under Options."""


def lay_out(command: Any) -> None:
    """Lay out the help of a command."""
    if command.help:
        # Typer keeps the line breaks of all paragraphs but the first.
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in command.help.split("\n\n"))
    options = [option for option in command.params if option.param_type_name == "option"]
    if len(options) > MANY:
        where = {name: panel for panel, names in PANELS.items() for name in names}
        for option in options:
            option.rich_help_panel = next((where[name] for name in option.opts if name in where), None)
