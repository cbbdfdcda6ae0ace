"""Shows the logs of services, one after the other or as they are written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from stack.project import Project

POLL_SECONDS = 0.2
_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")


@dataclass
class _Source:
    name: str
    file: Path
    style: str
    position: int = 0
    rest: bytes = b""

    def lines(self) -> list[str]:
        """Return the complete lines that were written since the last call."""
        try:
            size = self.file.stat().st_size
        except FileNotFoundError:
            return []
        if size < self.position:  # put aside, a new one was begun
            self.position = 0
        with self.file.open("rb") as stream:
            stream.seek(self.position)
            written = self.rest + stream.read()
            self.position = stream.tell()
        *complete, self.rest = written.split(b"\n")
        return [line.decode(errors="replace") for line in complete]


def show(project: Project, services: Sequence[str], console: Console, *, follow: bool, tail: int) -> None:
    """Print the last `tail` lines of each service's log; with `follow`, then all that comes."""
    names = list(services) or list(project.compose.services)
    width = max(map(len, names))
    sources = [
        _Source(name, project.logs / f"{name}.log", _COLOURS[index % len(_COLOURS)])
        for index, name in enumerate(names)
    ]
    first = True
    while True:
        for source in sources:
            lines = source.lines()
            for line in lines[-tail:] if first else lines:
                prefix = Text(f"{source.name:<{width}} | ", style=source.style)
                console.print(prefix + Text(line), soft_wrap=True, highlight=False)
        first = False
        if not follow:
            return
        time.sleep(POLL_SECONDS)
