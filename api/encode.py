"""`encore.encode`."""

from __future__ import annotations

from collections.abc import Sequence

from encore.api.limits import limit_text
from encore.api.progress import display_of
from encore.api.report import Report, job_report
from encore.api.store import StoreOrUri, uri_of, written
from encore.api.tables import Corpus, corpus_files
from encore.featurestore.common import several
from encore.pipelines.corpus import CorpusColumns, PruneLimit
from encore.pipelines.dead_letters import DeadLetterLimit
from encore.pipelines.encoding import EncodeRequest
from encore.pipelines.encoding import encode as run_encode
from encore.pipelines.runs import RunnerChoice
from encore.tablefiles import TextOptions


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
    beam_options: str | Sequence[str] = (),
    progress: bool | None = None,
) -> Report:
    """Encode a corpus into a store: what is stored already is skipped, and an interrupted run resumes.

    Args:
        inputs: Parquet, Arrow, JSON or CSV: files, folders, globs or URLs; or tables in memory of pandas, Polars,
            DuckDB, `datasets` or pyarrow. One, or a list of them. A table in memory is written to a temporary file for
            as long as the job runs.
        store: a folder or an ``s3://``, ``gs://`` or ``az://`` URL, made where there is none; or a handle, which then
            shows what was encoded.
        encoder: ``minilm``, a hub id, or a folder with safetensors.
        layers: ``last``, ``layer:k``, ``mean:m`` or ``stack:m``; ``mean:16``, or of every layer where there are fewer,
            unless given.
        positions: ``tokens``, ``cls`` or ``mean``.
        quantizer: ``float16``, ``uint8``, ``int4``, ``int2``, ``sign`` or ``sign-centred``; ``uint8`` takes
            ``:per-tensor`` or ``:per-dimension``, and ``:min-max`` or ``:histogram``.
        max_length: tokens of a document; the encoder's own limit unless given.
        truncation_side: which end of a long text is cut, ``right`` or ``left``; the tokenizer's own unless given.
        special_tokens: whether the vectors of special tokens are stored.
        device: ``auto``, ``cpu`` or ``cuda``, which is an error where there is none.
        dtype: ``float32``, ``bfloat16`` or ``float16``: what the encoder computes in.
        id_column: column of the document ids.
        text_column: column of the texts.
        pair_column: column of the second texts of pairs; null for a single text.
        encoding: of JSON and CSV files, as Python names it.
        csv_delimiter: between the cells of CSV; a comma, or in ``.tsv`` files a tab, unless given.
        csv_escape: what makes a quote part of a quoted CSV cell: a backslash, or a quote where quotes are doubled and
            backslashes are data. Unless given, rows where it matters are rejected.
        keep_columns: corpus columns to keep in the document index.
        codec: ``none``, ``zstd`` or ``blosc``: lossless codec under the quantizer; its own default unless given.
        unit_rows: rows of a work unit; by the size of the corpus unless given.
        max_dead_letters: rejected documents that are tolerated, as a count (``25``) or a share (``0.01``); 0.01, or 10
            where that is more, unless given.
        dead_letters: folder that gets a copy of the dead letters (Parquet).
        like: a store whose calibration is taken over, so that heads fit both.
        prune: delete documents that have left the corpus.
        max_pruned: documents that ``prune`` may delete, as a count or a share; 0.1 of those stored unless given. Over
            it nothing is pruned.
        beam_options: Beam's own options, for example ``("--runner=FlinkRunner", "--flink_master=host:8081")``.
        progress: None shows a bar in a notebook and on a terminal; True writes lines elsewhere; False shows nothing.

    Returns:
        The report: documents by what became of them, tokens, bytes, dead letters.

    Raises:
        UsageError: the request cannot be carried out; no store has been made.
        SpecMismatch: the store is there and holds other features.
        JobError: the job failed, or did not do all: units failed, or more documents were refused than may be.
    """
    columns = CorpusColumns(id_column, text_column, pair_column, several(keep_columns, "keep columns"))
    here = RunnerChoice.of(beam_options, units=1).workers is not None
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
        )
        done = run_encode(request, beam_options=several(beam_options, "Beam options"), display=display_of(progress))
    written(store)
    return job_report("encode", done.document)
