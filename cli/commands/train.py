"""`encore train`."""

from __future__ import annotations

from typing import Annotated

import typer

from encore.cli.options.beam import beam_options
from encore.cli.options.byte_sizes import parse_bytes
from encore.cli.options.common import (
    CsvDelimiterOption,
    CsvEscapeOption,
    DeviceOption,
    EncodingOption,
    IdColumnOption,
    JsonOption,
    LabelColumnOption,
    SnapshotOption,
    StoreOption,
)
from encore.cli.options.sync import no_sync_option


@no_sync_option
def train(
    context: typer.Context,
    labels: Annotated[str, typer.Argument(metavar="LABELS", help="Parquet, Arrow, JSON or CSV with ids and labels.")],
    store: StoreOption,
    out: Annotated[str, typer.Option("--out", metavar="HEAD_DIR", help="Where the head goes.")],
    dev: Annotated[
        str | None, typer.Option("--dev", metavar="FILE", help="Labels to measure on.", show_default=False)
    ] = None,
    dev_share: Annotated[
        float, typer.Option("--dev-share", metavar="SHARE", help="Labels set aside to measure on; 0 for none.")
    ] = 0.1,
    task: Annotated[
        str | None, typer.Option("--task", metavar="NAME", help="The folder's name unless given.", show_default=False)
    ] = None,
    id_column: IdColumnOption = "doc_id",
    label_column: LabelColumnOption = "label",
    encoding: EncodingOption = "utf-8",
    csv_delimiter: CsvDelimiterOption = None,
    csv_escape: CsvEscapeOption = None,
    pooling: Annotated[
        list[str] | None,
        typer.Option(
            metavar="POOLING",
            help="attention, pair, cls or mean; "
            "attention, over each text where all are pairs, or what suits the stored positions, unless given; "
            "several are tried.",
            show_default=False,
        ),
    ] = None,
    attention_heads: Annotated[
        int | None, typer.Option(metavar="N", help="The hidden size / 64 unless given.", show_default=False)
    ] = None,
    queries: Annotated[
        int, typer.Option(metavar="N", help="Learned queries of attention over all tokens; one did best on 14 tasks.")
    ] = 1,
    layer_mix: Annotated[
        str, typer.Option(metavar="learned|uniform", help="How the layers of stack:m features are weighed.")
    ] = "learned",
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Passes; 8, or more where labels are few, unless given.", show_default=False),
    ] = None,
    lr: Annotated[
        list[float] | None,
        typer.Option(
            "--lr", metavar="X", help="Learning rate, 3e-4 unless given; several are tried.", show_default=False
        ),
    ] = None,
    batch_size: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Documents a step, 32 unless given; several are tried.", show_default=False),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(metavar="N", help="Stop after N epochs that are no better on dev.", show_default=False),
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Same seed, same head; 0 unless given, several are tried.", show_default=False),
    ] = None,
    order_seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="Of the order of documents; the first --seed unless given.", show_default=False),
    ] = None,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Features to hold in memory; more go to a temporary file.")
    ] = "2GiB",
    device: DeviceOption = "auto",
    dtype: Annotated[
        str, typer.Option("--dtype", metavar="float32|bfloat16", help="What a GPU multiplies in while heads learn.")
    ] = "float32",
    snapshot: SnapshotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a head on labelled documents of a store, without the encoder.

    Example: encore train topics.parquet --store features --out trained/topic
    """
    beam_options(context, runs_job=False)
    from encore.cli.printing.train import print_epoch, print_training  # noqa: PLC0415
    from encore.featurestore.storage import Address  # noqa: PLC0415
    from encore.featurestore.store_reading import read_store  # noqa: PLC0415
    from encore.heads import TrainSettings, read_labels  # noqa: PLC0415
    from encore.heads.artefact import check_head_folder  # noqa: PLC0415
    from encore.heads.training import TrainRequest, train_from_store  # noqa: PLC0415
    from encore.pipelines.head_placement import learning_on  # noqa: PLC0415
    from encore.tablefiles import TextOptions  # noqa: PLC0415

    text = TextOptions(encoding, csv_delimiter, csv_escape)
    settings = TrainSettings(
        poolings=tuple(pooling or ()),
        attention_heads=attention_heads,
        queries=queries,
        layer_mix=layer_mix,
        epochs=epochs,
        learning_rates=tuple(lr) if lr else TrainSettings.learning_rates,
        batch_sizes=tuple(batch_size) if batch_size else TrainSettings.batch_sizes,
        seeds=tuple(seed) if seed else TrainSettings.seeds,
        order_seed=order_seed,
        patience=patience,
    )
    request = TrainRequest(
        task=task or Address.parse(out).name,
        labels=read_labels(labels, id_column, label_column, text),
        dev=None if dev is None else read_labels(dev, id_column, label_column, text),
        dev_share=dev_share,
        settings=settings,
        memory=parse_bytes(memory, "--memory"),
        placement=learning_on(device, dtype),
    )
    check_head_folder(out)
    result = read_store(store, snapshot, lambda opened: train_from_store(opened, request, progress=print_epoch))
    result.head.save(out)
    print_training(result, out, as_json=as_json)
