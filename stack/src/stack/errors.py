"""The one way in which this program fails: what went wrong, why, what to do, and the log's end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

TAIL_LINES = 20
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class StackError(Exception):
    """Something that its reader can act on; printed as one message, exit code 1.

    Parameters: `what` failed (one line), `cause` (one line or a few), `advice` (what to do),
    `tail` (last lines of the program's output), `log` (the file they are from).
    """

    def __init__(
        self,
        what: str,
        *,
        cause: str = "",
        advice: str = "",
        tail: Sequence[str] = (),
        log: Path | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.advice = advice
        self.tail = tuple(tail)
        self.log = log

    def __str__(self) -> str:
        lines = [self.what]
        if self.cause:
            lines.append(f"cause: {self.cause}")
        if self.tail:
            lines.append(f"last lines of {self.log}:" if self.log else "last lines of its output:")
            lines += [f"  | {line}" for line in self.tail]
        if self.advice:
            lines.append(f"what to do: {self.advice}")
        return "\n".join(lines)


def last_lines(log: Path, count: int = TAIL_LINES, since: int = 0) -> list[str]:
    """Return the last `count` lines of a log file that are after byte `since`; empty where there is none."""
    try:
        with log.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(since, stream.tell() - 512 * count))
            text = _COLOURS.sub("", stream.read().decode(errors="replace"))
            return text.splitlines()[-count:]
    except FileNotFoundError:
        return []
