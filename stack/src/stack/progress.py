"""Progress of long work: bars on a terminal, plain lines with a percentage and an estimate elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of work under way."""

    def update(self, fraction: float, note: str = "") -> None:
        """Say how far it is (0 to 1, never backwards) and what it does now. Safe from other threads."""


class Reporter(Protocol):
    """Tells a person how far all the work is and how long it will take."""

    def plan(self, estimates: Mapping[str, float]) -> None:
        """Announce tasks (title -> estimated seconds) so that the overall percentage knows of them."""

    @contextmanager
    def task(self, title: str, estimate_seconds: float) -> Iterator[Task]:
        """Run a task; planned under the same title or new. Its own time drives it between updates."""
        ...

    def line(self, text: str) -> None:
        """Say one thing."""
