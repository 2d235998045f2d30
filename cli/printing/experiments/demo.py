"""What `encore demo` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from encore.cli.console.terminal import console
from encore.cli.printing.tables import print_line, print_next, print_table
from encore.featurestore.common import human_bytes

if TYPE_CHECKING:
    from encore.experiments.demo.loop import DemoResult


def print_step(text: str) -> None:
    """Print the step that begins now."""
    console().print(Text.assemble(("›", "bold"), " ", text))


def print_demo(result: DemoResult) -> None:
    """Print accuracy and the share of the majority class, seconds by step, bytes by quantizer, and next commands."""
    console().print()
    print_table(
        "Accuracy on held-out documents, for tasks that the encoder never saw",
        ["task", "classes", "documents", "majority class", "accuracy", "95 % interval"],
        [
            (
                task,
                len(found.classes),
                f"{found.documents:,}",
                f"{found.majority:.1%}",
                f"{found.accuracy:.1%}",
                " to ".join(f"{end:.1%}" for end in found.accuracy_interval),
            )
            for task, found in result.evaluations.items()
        ],
    )
    sizes = result.bytes_a_document
    names = {
        "stored": "what this store takes, index included",
        "sign": "1 bit a dimension",
        "float16": "the same tokens in float16",
        "float32": "the same tokens in float32",
    }
    print_table(
        f"Bytes of a document: {result.tokens / result.documents:.0f} tokens of {result.width} dimensions on average",
        ["", "bytes", "share of float32"],
        [(names[kind], human_bytes(size), f"{size / sizes['float32']:.1%}") for kind, size in sizes.items()],
    )
    print_table("Time", ["step", "seconds"], [(step, f"{seconds:.1f}") for step, seconds in result.seconds.items()])
    folder = result.directory
    console().print()
    print_line(
        "The texts are the docstrings of the standard library. The encoder's training data may hold some of them, "
        "but not these tasks."
    )
    print_next(
        (
            f"encore inspect --store {folder}/features",
            f"encore documents --store {folder}/features --limit 5",
            f"encore evaluate {folder}/predictions {folder}/labels/package-held-out.parquet --head package",
            f"encore encode {folder}/docstrings.parquet --store {folder}/features  # all stored: encodes nothing",
            "encore encode YOUR.parquet --store features",
        )
    )
