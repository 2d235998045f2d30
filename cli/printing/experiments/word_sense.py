"""What `encore experiment wsd` prints."""

from __future__ import annotations

from pathlib import Path

from encore.cli.printing.tables import print_json, print_line, print_table
from encore.experiments.word_sense import ProbeResult


def print_probe(result: ProbeResult, files: tuple[Path, Path], *, as_json: bool) -> None:
    """The rows of the paper's Table 4, the figures by data set, and where the files are."""
    parquet, report = files
    if as_json:
        print_json(
            {
                "encoder": result.encoder,
                "train": result.train,
                "test": result.test,
                "sentences": result.sentences,
                "without_vector": list(result.without_vector),
                "lines": [line.to_dict() for line in result.lines],
                "parquet": str(parquet),
                "report": str(report),
            }
        )
        return
    print_table("Word senses by the nearest centroid, in %", result.head, result.table)
    print_table("F1 in % on the covered instances, by data set", ["features", *result.parts], result.table_of_parts)
    for line in (*result.summary.split("\n"), f"figures: {parquet}", f"tables: {report}"):
        print_line(line)
