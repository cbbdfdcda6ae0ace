"""What an error shows of a log."""

from __future__ import annotations

from pathlib import Path

from stack.errors import StackError, last_lines


def test_the_end_of_a_log_is_shown_without_its_colours(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("first\n\x1b[0;31mbroken\x1b[0m pipe\nend\n")

    assert last_lines(log, count=2) == ["broken pipe", "end"]
    assert last_lines(tmp_path / "none") == []


def test_an_error_says_what_why_where_and_what_to_do(tmp_path: Path) -> None:
    error = StackError("it failed", cause="no wind", advice="wait", tail=["calm"], log=tmp_path)

    assert str(error).splitlines() == [
        "it failed",
        "cause: no wind",
        f"last lines of {tmp_path}:",
        "  | calm",
        "what to do: wait",
    ]
