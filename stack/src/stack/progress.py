"""Progress of long work: bars on a terminal, plain lines with a percentage and an estimate elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

LINE_SECONDS = 15.0
"""Without a terminal a line is printed this often, and at the beginning and end of each task."""
REFRESH_PER_SECOND = 4
_ALMOST = 0.97
_SHORT_SECONDS = 90
_DOUBT = 0.25
"""How much of all work has to be done before its pace weighs more than the estimates: a first, short task
that was quick says little of the long ones."""


class Task(Protocol):
    """One piece of work under way."""

    def update(self, fraction: float, note: str = "") -> None:
        """Say how far it is (0 to 1, never backwards) and what it does now. Safe from other threads."""


class Reporter(Protocol):
    """Tells a person how far all the work is and how long it will take."""

    def plan(self, estimates: Mapping[str, float]) -> None:
        """Announce tasks (title -> estimated seconds) so that the overall percentage knows of them."""

    def task(self, title: str, estimate_seconds: float) -> AbstractContextManager[Task]:
        """Run a task; planned under the same title or new. Its own time drives it between updates."""
        ...

    def line(self, text: str) -> None:
        """Say one thing."""


@dataclass
class _Work:
    title: str
    estimate: float
    told: float = 0.0
    note: str = ""
    began: float | None = None
    ended: float | None = None

    def update(self, fraction: float, note: str = "") -> None:
        self.told = max(self.told, min(fraction, 1.0))
        self.note = note or self.note

    def fraction(self, now: float) -> float:
        """What was told, or what its time makes likely; near the end it slows down, and only the end is 1."""
        if self.ended is not None:
            return 1.0
        if self.began is None:
            return 0.0
        likely = (now - self.began) / self.estimate if self.estimate > 0 else _ALMOST
        slowed = likely if likely < 0.8 else 1 - 0.2 * 0.8 / likely
        return min(max(self.told, slowed), _ALMOST)


class ConsoleReporter:
    """Reports to a rich console."""

    def __init__(self, console: Console, line_seconds: float = LINE_SECONDS) -> None:
        self._console = console
        self._line_seconds = line_seconds
        self._works: dict[str, _Work] = {}
        self._lock = threading.RLock()
        self._display: _Display | None = None

    def plan(self, estimates: Mapping[str, float]) -> None:
        """Announce tasks (title -> estimated seconds)."""
        with self._lock:
            for title, estimate in estimates.items():
                self._works.setdefault(title, _Work(title, estimate))

    @contextmanager
    def task(self, title: str, estimate_seconds: float) -> Iterator[Task]:
        """Run a task; the display stops when it is left, finished or not."""
        with self._lock:
            work = self._works.setdefault(title, _Work(title, estimate_seconds))
            work.began, work.ended, work.told = time.monotonic(), None, 0.0
            is_first = self._display is None
            if is_first:
                self._display = _Display(self, self._console, self._line_seconds)
        if is_first and self._display:
            self._display.begin()
        if not self._console.is_terminal:
            self.line(f"{self.summary()}  {title}: begins, about {duration(work.estimate)}")
        try:
            yield work
            work.ended = time.monotonic()
            if not self._console.is_terminal:
                self.line(f"{self.summary()}  {title}: done in {duration(work.ended - work.began)}")
        finally:
            with self._lock:
                is_last = not self._under_way()
                display = self._display
                if is_last or work.ended is None:
                    self._display = None
            if display and (is_last or work.ended is None):
                display.end()

    def line(self, text: str) -> None:
        """Say one thing."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def summary(self) -> str:
        """Return the overall percentage and the remaining time."""
        fraction, remaining = self.overall()
        return f"[{fraction:4.0%}, {duration(remaining)} left]"

    def overall(self) -> tuple[float, float]:
        """Return the share of all planned work that is done, and the estimated seconds that remain."""
        now = time.monotonic()
        with self._lock:
            works = list(self._works.values())
        total = sum(work.estimate for work in works) or 1.0
        done = sum(work.estimate * work.fraction(now) for work in works)
        finished = [work for work in works if work.ended is not None and work.began is not None]
        expected = sum(work.estimate for work in finished)
        taken = sum((work.ended or 0) - (work.began or 0) for work in finished)
        doubt = _DOUBT * total
        pace = (taken + doubt) / (expected + doubt)
        return done / total, (total - done) * pace if any(work.ended is None for work in works) else 0.0

    def _under_way(self) -> list[_Work]:
        return [work for work in self._works.values() if work.began is not None and work.ended is None]

    def lines(self) -> list[str]:
        """Return one line of text per task under way."""
        now = time.monotonic()
        with self._lock:
            works = self._under_way()
        return [
            f"{self.summary()}  {work.title} {work.fraction(now):.0%}"
            + (f": {work.note}" if work.note else "")
            for work in works
        ]

    def table(self) -> Table:
        """Return the bars: one per task under way, one for everything."""
        now = time.monotonic()
        table = Table.grid(padding=(0, 1))
        with self._lock:
            works = self._under_way()
        for work in works:
            share = work.fraction(now)
            table.add_row(work.title, ProgressBar(completed=share * 100, width=30), f"{share:.0%}", work.note)
        fraction, remaining = self.overall()
        table.add_row(
            "all",
            ProgressBar(completed=fraction * 100, width=30),
            f"{fraction:.0%}",
            f"{duration(remaining)} left",
        )
        return table


class _Display:
    """Shows a reporter's state while tasks run."""

    def __init__(self, reporter: ConsoleReporter, console: Console, line_seconds: float) -> None:
        self._reporter = reporter
        self._line_seconds = line_seconds
        self._done = threading.Event()
        self._live = (
            Live(
                console=console,
                get_renderable=reporter.table,
                refresh_per_second=REFRESH_PER_SECOND,
                transient=True,
            )
            if console.is_terminal
            else None
        )
        self._thread = threading.Thread(target=self._print, daemon=True)

    def begin(self) -> None:
        if self._live:
            self._live.start()
        else:
            self._thread.start()

    def end(self) -> None:
        self._done.set()
        if self._live:
            self._live.stop()

    def _print(self) -> None:
        while not self._done.wait(self._line_seconds):
            for line in self._reporter.lines():
                self._reporter.line(line)


def duration(seconds: float) -> str:
    """Return seconds for people: `40 s`, `12 min`."""
    return f"{seconds:.0f} s" if seconds < _SHORT_SECONDS else f"{seconds / 60:.0f} min"
