from __future__ import annotations

import io

import pytest
from rich.console import Console

from encore.pipelines.progress import ProgressState, Steps, display_for
from encore.pipelines.progress.displays import LogLines, TerminalBar, pause_after


class Terminal(io.StringIO):
    """What is drawn on a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def console(file: io.StringIO, width: int = 80, term: str = "xterm") -> Console:
    return Console(file=file, force_terminal=True, width=width, color_system=None, _environ={"TERM": term})


def last_line(terminal: Terminal) -> str:
    """The line that stays."""
    return terminal.getvalue().rpartition("\x1b[2K")[2].split("\n")[0].rstrip()


def test_a_terminal_gets_a_bar_that_stays_once_without_a_time_left() -> None:
    terminal = Terminal()
    display = display_for(console(terminal))
    assert isinstance(display, TerminalBar)
    display.begin("encode", 3000)
    display.show(ProgressState(1000, 61.0, "5,000 tokens/s"))
    display.end()
    assert last_line(terminal).endswith("1,000 of 3,000 documents 5,000 tokens/s")
    assert terminal.getvalue().count("\n") == 1


def test_a_bar_of_large_numbers_fits_80_columns() -> None:
    terminal = Terminal()
    display = display_for(console(terminal))
    display.begin("backfill", 123_456_789)
    display.show(ProgressState(99_999_999, None, "1,234,567 tokens/s"))
    display.end()
    assert last_line(terminal).endswith(" 99,999,999 of 123,456,789 documents 1,234,567 tokens/s")
    assert len(last_line(terminal)) <= 80


def test_a_file_and_a_terminal_without_a_cursor_get_lines_whatever_colours_are_forced() -> None:
    assert isinstance(display_for(console(io.StringIO())), LogLines)
    assert isinstance(display_for(console(Terminal(), term="dumb")), LogLines)


def test_lines_come_rarely_and_the_last_one_once(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = LogLines(clock)
    lines.begin("encode", 1000, detail="in 2 work units")
    for second in range(1001):
        clock.now = float(second)
        lines.show(ProgressState(second, 1000.0 - second or None, "7 tokens/s"))
    lines.end()
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [
        "encode: 1,000 documents in 2 work units",
        "encode: 5 of 1,000 documents, 7 tokens/s, 17 min left",
    ]
    assert said[-1] == "encode: 1,000 of 1,000 documents, 7 tokens/s"
    assert len(said) == len(set(said))
    assert 20 < len(said) < 60


@pytest.mark.parametrize(("seconds", "pause"), [(0.0, 5.0), (200.0, 20.0), (86_400.0, 60.0)])
def test_lines_are_rarer_the_longer_it_takes_and_never_rarer_than_a_minute(seconds: float, pause: float) -> None:
    assert pause_after(seconds) == pause


def test_that_all_has_passed_is_said_at_the_end_without_a_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = LogLines(clock)
    lines.begin("encode", 10)
    clock.now = 100.0
    lines.show(ProgressState(10, 3.0, "5 tokens/s"))
    assert capsys.readouterr().err.splitlines() == ["encode: 10 documents"]
    lines.show(ProgressState(10, None, "7 tokens/s"))
    lines.end()
    assert capsys.readouterr().err.splitlines() == ["encode: 10 of 10 documents, 7 tokens/s"]


def test_no_line_is_said_where_nothing_has_passed_since_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = LogLines(clock)
    lines.begin("encode", 1)
    for second in range(0, 1000, 5):
        clock.now = float(second)
        lines.show(ProgressState(0))
    lines.end()
    assert capsys.readouterr().err.splitlines() == ["encode: 1 document"]


def test_steps_begin_anew_with_another_title_and_where_work_starts_over(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Steps(LogLines(clock), clock) as steps:
        for title, done, total in (("a", 1, 2), ("a", 2, 2), ("b", 0, 1), ("b", 1, 1), ("b", 0, 1)):
            steps.show(title, done, total, "segment")
    assert capsys.readouterr().err.splitlines() == [
        *("a: 2 segments", "a: 2 of 2 segments"),
        *("b: 1 segment", "b: 1 of 1 segment", "b: 1 segment"),
    ]


def test_steps_that_never_come_show_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Steps(LogLines()):
        pass
    assert capsys.readouterr().err == ""


def test_a_patient_log_says_nothing_of_what_is_over_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    for seconds, said in (
        (1.0, []),
        (3.0, ["verify: 4 segments", "verify: 2 of 4 segments", "verify: 4 of 4 segments"]),
    ):
        with Steps(LogLines(clock, patient=True)) as steps:
            for done in range(5):
                steps.show("verify", done, 4, "segment")
                clock.now += seconds
        assert capsys.readouterr().err.splitlines() == said


def test_what_prepares_is_shown_while_it_lasts_and_taken_away() -> None:
    terminal = Terminal()
    with display_for(console(terminal)).preparing("encode", "planning, 3 files"):
        pass
    assert "encode planning, 3 files" in terminal.getvalue()
    assert last_line(terminal) == ""


def test_a_log_says_nothing_of_what_prepares(capsys: pytest.CaptureFixture[str]) -> None:
    with display_for(console(io.StringIO())).preparing("encode", "planning, 3 files"):
        assert capsys.readouterr().err == ""
