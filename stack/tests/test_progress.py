"""What long work says while it goes on."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from tiny_stack import wait_until

from stack.progress import ConsoleReporter, duration


def _reporter(line_seconds: float = 1000.0) -> tuple[ConsoleReporter, io.StringIO]:
    text = io.StringIO()
    return ConsoleReporter(Console(file=text), line_seconds), text


def test_plain_lines_have_percentage_and_estimate() -> None:
    report, text = _reporter()
    report.plan({"one": 60, "two": 180})

    with report.task("one", 60):
        pass

    lines = text.getvalue().splitlines()
    assert re.fullmatch(r"\[  0%, 4 min left\]  one: begins, about 60 s", lines[0])
    assert re.match(r"\[ 25%, 2 min left\]  one: done in 0 s", lines[1])


def test_a_short_quick_task_says_little_of_the_long_ones() -> None:
    report, _ = _reporter()
    report.plan({"jars": 30, "programs": 1170})

    with report.task("jars", 30):
        pass

    assert 1000 < report.overall()[1] < 1170


def test_a_line_is_printed_while_a_task_runs() -> None:
    report, text = _reporter(line_seconds=0.01)

    with report.task("build", 100) as task:
        task.update(0.5, "compiling")
        wait_until(lambda: "build 50%: compiling" in text.getvalue())

    assert report.overall() == (1.0, 0.0)


def test_progress_never_goes_back_and_is_whole_only_at_the_end() -> None:
    report, _ = _reporter()

    with report.task("build", 1000) as task:
        task.update(0.7)
        task.update(0.2)
        before = report.overall()[0]
        task.update(1.0)
        near = report.overall()[0]

    assert before == pytest.approx(0.7)
    assert near < 1.0


def test_a_task_that_fails_stops_the_display() -> None:
    report, text = _reporter(line_seconds=0.01)

    with pytest.raises(ValueError, match="broken"), report.task("build", 10):
        raise ValueError("broken")

    assert "done" not in text.getvalue()


def test_bars_on_a_terminal_leave_nothing_behind() -> None:
    text = io.StringIO()
    report = ConsoleReporter(Console(file=text, force_terminal=True, width=80))

    with report.task("build", 10) as task:
        task.update(0.5, "linking")
        report.table()

    assert "begins" not in text.getvalue()


@pytest.mark.parametrize(("seconds", "expected"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (1830, "30 min")])
def test_duration(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
