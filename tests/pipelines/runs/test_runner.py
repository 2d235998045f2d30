from __future__ import annotations

from pathlib import Path

import pytest

import encore.pipelines.runs.dask_options
from encore.featurestore import JobError, UsageError
from encore.pipelines.progress import UnitCounts
from encore.pipelines.runs.dask_options import RUNNER
from encore.pipelines.runs.runner import RunnerChoice, run_to_end


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--runner=NoSuchRunner"], "--runner=NoSuchRunner"),
        (["--runner=no.such.Runner"], "--runner=no.such.Runner"),
        (["--direct_num_workers=-1"], "expected 1 or more"),
        (["--direct_num_workers=x"], "invalid int value: 'x'"),
        (["--direct_num_worker=1"], "Beam knows no --direct_num_worker"),
        (["--direct_running_mode=foo"], "invalid choice: 'foo'"),
        (["--direct_running_mode=multi_processing"], "hangs when a worker dies"),
        (["--runner"], "expected one argument"),
    ],
)
def test_options_that_cannot_work_are_refused_before_any_work(options: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        RunnerChoice.of(options, units=4)


def test_the_runner_in_this_process_is_the_default_and_has_three_names() -> None:
    for options in ([], ["--runner=DirectRunner"], ["--runner=FnApiRunner"]):
        choice = RunnerChoice.of(options, units=1)
        assert choice.workers == 1


def test_other_options_of_beam_pass_through() -> None:
    assert RunnerChoice.of(["--job_name=x", "--direct_num_workers=3"], units=8).workers == 3


def test_a_runner_elsewhere_has_no_workers_here() -> None:
    assert RunnerChoice.of(["--runner=PortableRunner", "--job_endpoint=localhost:1"], units=8).workers is None


def test_one_option_by_itself_is_one() -> None:
    choice = RunnerChoice.of("--direct_num_workers=3", units=8)
    assert (choice.options, choice.workers) == (("--direct_num_workers=3",), 3)


ADDRESS = "--dask_client_address=tcp://127.0.0.1:1"


class TestDask:
    @pytest.mark.parametrize("name", ["dask", "Dask", "DaskRunner", RUNNER])
    def test_its_names_mean_beams_runner_with_a_partition_for_each_unit(self, name: str) -> None:
        for given in ([f"--runner={name}", ADDRESS], ["--runner", name, ADDRESS]):
            choice = RunnerChoice.of(given, units=8)
            assert choice.workers is None
            assert choice.options[:3] == (ADDRESS, f"--runner={RUNNER}", "--dask_partition_size=1")

    @pytest.mark.parametrize("own", ["--dask_npartitions=3", "--dask_partition_size=5", "--dask_connection_timeout=3"])
    def test_what_is_asked_for_is_left_as_it_is(self, own: str) -> None:
        chosen = RunnerChoice.of(["--runner=dask", ADDRESS, own], units=8).options
        assert sum(word.partition("=")[0] == own.partition("=")[0] for word in chosen) == 1
        assert ("--dask_partition_size=1" in chosen) == ("partition" not in own)

    @pytest.mark.parametrize("own", [(), (ADDRESS, "--dask_scheduler_file=x.json")])
    def test_no_cluster_is_started_in_this_process(self, own: tuple[str, ...]) -> None:
        with pytest.raises(UsageError, match="say where the scheduler is"):
            RunnerChoice.of(["--runner=dask", *own], units=8)

    @pytest.mark.parametrize(
        ("word", "meant"),
        [("--dask_clent_address=x", "dask_client_address"), ("--dask_schedule_file=x", "dask_scheduler_file")],
    )
    def test_a_misspelt_option_is_refused_and_the_nearest_is_named(self, word: str, meant: str) -> None:
        with pytest.raises(UsageError, match=f"did you mean --{meant}"):
            RunnerChoice.of(["--runner=dask", word], units=8)

    @pytest.mark.parametrize("content", [None, "", "{}", "[]"])
    def test_a_file_without_a_schedulers_address_is_refused(self, content: str | None, tmp_path: Path) -> None:
        if content is not None:
            (tmp_path / "scheduler.json").write_text(content)
        with pytest.raises(UsageError, match="no scheduler has written its address"):
            RunnerChoice.of(["--runner=dask", f"--dask_scheduler_file={tmp_path}/scheduler.json"], units=8)

    def test_without_dask_the_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(encore.pipelines.runs.dask_options, "find_spec", lambda _: None)
        with pytest.raises(UsageError, match=r"pip install 'encore-featurestore\[dask\]'"):
            RunnerChoice.of(["--runner=dask", ADDRESS], units=8)


def test_a_job_server_may_know_options_that_beam_does_not_know() -> None:
    flink = ["--runner=FlinkRunner", "--flink_master=localhost:1"]
    assert RunnerChoice.of([*flink, "--tasks_of_mine=4"], units=8).workers is None
    with pytest.raises(UsageError, match="did you mean --flink_master"):
        RunnerChoice.of(["--runner=FlinkRunner", "--flink_mastre=localhost:1"], units=8)
    with pytest.raises(UsageError, match="Beam knows no --tasks_of_mine"):
        RunnerChoice.of(["--runner=DataflowRunner", "--tasks_of_mine=4"], units=8)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one line", "one line"),
        (
            "Traceback:\n  File x\nValueError: bad [while running 'Read']\n\nSee https://help.example\n",
            "ValueError: bad",
        ),
        (
            "Traceback:\nencore.featurestore.errors.SpecMismatch: other weights: a1 b2\n  c3 d4",
            "SpecMismatch: other weights",
        ),
        ("", "RuntimeError"),
    ],
)
def test_a_failed_pipeline_says_its_last_error(text: str, said: str) -> None:
    def fail() -> None:
        raise RuntimeError(text)

    with pytest.raises(JobError, match=said):
        run_to_end(fail, lambda running: running(1), UnitCounts())  # type: ignore[arg-type, return-value]
