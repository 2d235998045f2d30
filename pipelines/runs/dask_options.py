"""Beam's runner on a Dask cluster: where its scheduler is, and a partition for each work unit.

Beam's runner has no options for TLS: a ``tls://`` address takes its certificates from Dask's own configuration.
"""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult

from encore.featurestore.errors import UsageError

RUNNER = "apache_beam.runners.dask.dask_runner.DaskRunner"
NAMES = ("dask", "daskrunner")
ONE_UNIT = "--dask_partition_size=1"
"""Without it Dask makes partitions of some hundred units, which one worker gets."""
CONNECTION_SECONDS = 10


def is_dask(runner: str) -> bool:
    """Whether a runner's name means Dask: ``dask``, ``DaskRunner`` or Beam's full name."""
    return runner.rpartition(".")[2].lower() in NAMES


def on_dask(options: tuple[str, ...]) -> tuple[str, ...]:
    """Options with the name of the runner that Beam knows. This makes Dask's options known to Beam.

    Raises:
        UsageError: Dask is not installed.
    """
    if find_spec("distributed") is None:
        raise UsageError("--runner=dask needs Dask: pip install 'encore-featurestore[dask]', here and on every worker")
    import_module(RUNNER.rpartition(".")[0])
    return (*_without_runner(options), f"--runner={RUNNER}")


def with_scheduler(options: tuple[str, ...]) -> tuple[str, ...]:
    """Options that say where the scheduler is, with a partition for each work unit.

    Raises:
        UsageError: they do not say it; Beam would start a cluster in this process.
    """
    from apache_beam.runners.dask.dask_runner import DaskOptions  # noqa: PLC0415 (an extra)

    asked = PipelineOptions(list(options)).view_as(DaskOptions)
    if (asked.address is None) == (asked.scheduler_file is None):
        raise UsageError(
            "--runner=dask: say where the scheduler is, with --dask_client_address=tcp://HOST:8786 (tls:// with the "
            "certificates of Dask's configuration) or --dask_scheduler_file=FILE"
        )
    if asked.scheduler_file is not None:
        _require_scheduler_file(Path(asked.scheduler_file))
    one_unit = () if asked.npartitions or asked.partition_size else (ONE_UNIT,)
    patience = () if asked.timeout is not None else (f"--dask_connection_timeout={CONNECTION_SECONDS}",)
    return (*options, *one_unit, *patience)


def close_client(result: PipelineResult) -> None:
    """Leave the cluster. It forgets the tasks of this client; a unit that is at work ends first."""
    client = getattr(result, "client", None)
    if client is not None:
        client.close()


def _require_scheduler_file(file: Path) -> None:
    """Raise UsageError unless a scheduler has written its address there. Dask's client would wait for the file."""
    try:
        json.loads(file.read_text(encoding="utf-8"))["address"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"--dask_scheduler_file={file}: no scheduler has written its address there: {error}"
        ) from error


def _without_runner(options: tuple[str, ...]) -> list[str]:
    """Options without ``--runner`` and its value."""
    words = list(options)
    kept = []
    while words:
        word = words.pop(0)
        if word == "--runner":
            words = words[1:]
        elif not word.startswith("--runner="):
            kept.append(word)
    return kept
