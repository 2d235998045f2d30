"""Options that several commands share, each defined once."""

from __future__ import annotations

from typing import Annotated

import typer

StoreOption = Annotated[
    str, typer.Option("--store", metavar="URI", help="The feature store: a folder or s3://, gs://, az:// URL.")
]
SnapshotOption = Annotated[
    str | None,
    typer.Option("--snapshot", metavar="N|TAG", help="Snapshot to read; the newest unless given.", show_default=False),
]
IdColumnOption = Annotated[str, typer.Option("--id-column", metavar="NAME", help="Column of the document ids.")]
TextColumnOption = Annotated[str, typer.Option("--text-column", metavar="NAME", help="Column of the texts.")]
PairColumnOption = Annotated[
    str | None,
    typer.Option(
        "--pair-column",
        metavar="NAME",
        help="Column of the second texts of pairs; null for a single text.",
        show_default=False,
    ),
]
EncodingOption = Annotated[
    str,
    typer.Option(
        "--encoding", metavar="NAME", help="Of JSON and CSV files, as Python names it, for example utf-16 or cp1252."
    ),
]
CsvDelimiterOption = Annotated[
    str | None,
    typer.Option(
        "--csv-delimiter",
        metavar="CHAR|tab",
        help="Between the cells of CSV; a comma, or in .tsv files a tab, unless given.",
        show_default=False,
    ),
]
CsvEscapeOption = Annotated[
    str | None,
    typer.Option(
        "--csv-escape",
        metavar="CHAR",
        help='What makes a quote part of a quoted CSV cell: \\ as Spark writes, or " where quotes are doubled and '
        "backslashes are data. Unless given, rows where it matters are rejected.",
        show_default=False,
    ),
]
LabelColumnOption = Annotated[str, typer.Option("--label-column", metavar="NAME", help="Column of the labels.")]
HeadOption = Annotated[
    list[str], typer.Option("--head", metavar="HEAD_DIR", help="A trained head; may be given many times.")
]
EncoderOption = Annotated[
    str, typer.Option("--encoder", metavar="NAME|hf:ID|PATH", help="minilm, a hub id, or a folder with safetensors.")
]
DtypeOption = Annotated[
    str,
    typer.Option(
        "--dtype", metavar="NUMBERS", help="float32, bfloat16 or float16: what the frozen encoder computes in."
    ),
]
MaxLengthOption = Annotated[
    int | None,
    typer.Option(
        "--max-length", metavar="N", min=1, help="Tokens of a document.", show_default="the encoder's own limit"
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="auto|cpu|cuda", help="Where models run; cuda is an error where there is none."),
]
CodecOption = Annotated[
    str | None,
    typer.Option(
        "--codec",
        metavar="none|zstd|blosc",
        help="Lossless codec under the quantizer; its own default unless given.",
        show_default=False,
    ),
]
ReportOption = Annotated[
    str | None,
    typer.Option("--report", metavar="FILE", help="Write the run's JSON report to a file as well.", show_default=False),
]
MetricsOption = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="FILE",
        help="Write numbers of the run to a file, as Prometheus' node exporter takes them.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
KeepColumnsOption = Annotated[
    str, typer.Option(metavar="A,B", help="Corpus columns to keep in the document index.", show_default=False)
]
UnitRowsOption = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, help="Rows of a work unit; by the size of the corpus unless given.", show_default=False
    ),
]
GiveUpAfterOption = Annotated[
    float,
    typer.Option(
        metavar="MINUTES",
        help="On a cluster: end the job after so long without a sign of life of its workers.",
    ),
]
MaxDeadLettersOption = Annotated[
    str | None,
    typer.Option(
        metavar="COUNT|SHARE",
        help="Rejected documents that are tolerated; 0.01, or 10 where that is more, unless given.",
        show_default=False,
    ),
]
MaxPrunedOption = Annotated[
    str | None,
    typer.Option(
        metavar="COUNT|SHARE",
        help="Documents that --prune may delete; 0.1 of those stored unless given. Over it nothing is pruned.",
        show_default=False,
    ),
]


def comma_list(text: str | None) -> tuple[str, ...]:
    """The words of a comma-separated list."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
