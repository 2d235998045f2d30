from __future__ import annotations

import pytest

from encore.featurestore import UsageError
from encore.pipelines.runs.runner import RunnerChoice


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
