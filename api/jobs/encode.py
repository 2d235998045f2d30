"""`encore.encode`."""

from __future__ import annotations

from collections.abc import Sequence

from encore.api.arguments.limits import limit_text
from encore.api.arguments.progress import display_of
from encore.api.arguments.tables import Corpus, corpus_files
from encore.api.arguments.types import typed
from encore.api.results.report import Report, job_report
from encore.api.store import StoreOrUri, uri_of, written
from encore.featurestore.common import several
from encore.pipelines.corpus import CorpusColumns, PruneLimit
from encore.pipelines.dead_letters import DeadLetterLimit
from encore.pipelines.encoding import EncodeRequest
from encore.pipelines.encoding import encode as run_encode
from encore.pipelines.runs import RunnerChoice
from encore.tablefiles import TextOptions


@typed
def encode(
    inputs: Corpus,
    *,
    store: StoreOrUri,
    encoder: str = "minilm",
    layers: str | None = None,
    positions: str = "tokens",
    quantizer: str = "sign",
    max_length: int | None = None,
    truncation_side: str | None = None,
    special_tokens: bool = True,
    device: str = "auto",
    dtype: str = "float32",
    id_column: str = "doc_id",
    text_column: str = "text",
    pair_column: str | None = None,
    encoding: str = "utf-8",
    csv_delimiter: str | None = None,
    csv_escape: str | None = None,
    keep_columns: str | Sequence[str] = (),
    codec: str | None = None,
    unit_rows: int | None = None,
    max_dead_letters: float | str | None = None,
    dead_letters: str | None = None,
    like: StoreOrUri | None = None,
    prune: bool = False,
    max_pruned: float | str | None = None,
    give_up_after: float = 15,
    beam_options: str | Sequence[str] = (),
    progress: bool | None = None,
) -> Report:
    """Encode a corpus into a store: what is stored already is skipped, and an interrupted run resumes.

    Args:
        inputs: one input, or a list. An input is a file, folder, glob or URL of Parquet, Arrow, JSON or CSV, or a table
            in memory of pandas, Polars, DuckDB, `datasets` or pyarrow. While the job runs, a table in memory lies in a
            temporary file.
        store: a folder or an ``s3://``, ``gs://`` or ``az://`` URL, which is made if it does not exist; or a handle,
            which then shows the encoded documents.
        encoder: ``minilm``, a hub id, or a folder with safetensors.
        layers: ``last``, ``layer:k``, ``mean:m`` or ``stack:m``. If None, ``mean:16``, or the mean of all layers of an
            encoder with fewer than 16.
        positions: ``tokens``, ``cls`` or ``mean``.
        quantizer: ``float16``, ``uint8``, ``int4``, ``int2``, ``sign`` or ``sign-centred``; ``uint8`` takes
            ``:per-tensor`` or ``:per-dimension``, and ``:min-max`` or ``:histogram``.
        max_length: tokens of a document; the encoder's own limit unless given.
        truncation_side: which end of a long text is cut, ``right`` or ``left``; the tokenizer's own unless given.
        special_tokens: whether the vectors of special tokens are stored.
        device: ``auto``, ``cpu`` or ``cuda``. ``cuda`` without a GPU is an error.
        dtype: ``float32``, ``bfloat16`` or ``float16``: what the encoder computes in.
        id_column: column of the document ids.
        text_column: column of the texts.
        pair_column: column of the second texts of pairs; null for a single text.
        encoding: of JSON and CSV files, as Python names it.
        csv_delimiter: the character between CSV cells. If None, a comma, or a tab in ``.tsv`` files.
        csv_escape: the character before a quote inside a quoted CSV cell: a backslash; or a quote, if quotes are
            doubled and backslashes are data. If None, rows where this makes a difference are rejected.
        keep_columns: corpus columns to keep in the document index.
        codec: ``none``, ``zstd`` or ``blosc``: lossless codec under the quantizer; its own default unless given.
        unit_rows: rows of a work unit; by the size of the corpus unless given.
        max_dead_letters: the most rejected documents with which the job still commits, as a count (``25``) or a share
            (``0.01``). If None, 0.01 of the documents or 10, whichever is more.
        dead_letters: folder that gets a copy of the dead letters (Parquet).
        like: a store whose calibration is used, so that the same heads fit both stores.
        prune: delete documents that have left the corpus.
        max_pruned: the most documents that ``prune`` may delete, as a count or a share. If None, 0.1 of those stored.
            If more have left, nothing is pruned.
        give_up_after: minutes without a sign of life of workers elsewhere, after which the job ends with an error.
        beam_options: Beam's own options, for example ``("--runner=FlinkRunner", "--flink_master=host:8081")``.
        progress: None shows a bar in a notebook and on a terminal; True writes lines elsewhere; False shows nothing.

    Returns:
        The report: numbers of documents (encoded, skipped and so on), tokens, bytes, dead letters.

    Raises:
        UsageError: the request cannot be carried out; no store has been made.
        SpecMismatch: the store is there and holds other features.
        JobError: the job failed or is incomplete: units failed, or there are more dead letters than allowed.
    """
    columns = CorpusColumns(id_column, text_column, pair_column, several(keep_columns, "keep columns", "str"))
    here = RunnerChoice.of(beam_options, 1, give_up_after).workers is not None
    with corpus_files(inputs, columns.wanted, here=here) as files:
        request = EncodeRequest(
            inputs=files,
            store=uri_of(store),
            encoder=encoder,
            layers=layers,
            positions=positions,
            quantizer=quantizer,
            max_length=max_length,
            truncation_side=truncation_side,
            special_tokens=special_tokens,
            device=device,
            dtype=dtype,
            columns=columns,
            text=TextOptions(encoding, csv_delimiter, csv_escape),
            codec=codec,
            unit_rows=unit_rows,
            limit=DeadLetterLimit.parse(limit_text(max_dead_letters)),
            dead_letters=dead_letters,
            like=None if like is None else uri_of(like),
            prune=prune,
            prune_limit=PruneLimit.parse(limit_text(max_pruned)),
            give_up_after=give_up_after,
        )
        done = run_encode(
            request, beam_options=several(beam_options, "Beam options", "str"), display=display_of(progress)
        )
    written(store)
    return job_report("encode", done.document)
