"""Stand-ins that the tests of programs share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stack.programs.recipe import Workshop
from stack.progress import Task


@dataclass
class Heard:
    """A reporter and task that remember what they were told."""

    lines: list[str] = field(default_factory=list[str])
    planned: dict[str, float] = field(default_factory=dict[str, float])
    done: list[str] = field(default_factory=list[str])
    updates: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    def plan(self, estimates: Mapping[str, float]) -> None:
        self.planned.update(estimates)

    @contextmanager
    def task(self, title: str, estimate_seconds: float) -> Iterator[Task]:
        yield self
        self.done.append(title)

    def update(self, fraction: float, note: str = "") -> None:
        self.updates.append((fraction, note))

    def line(self, text: str) -> None:
        self.lines.append(text)


@dataclass
class TinyRecipe:
    """Makes one file; counts how often."""

    name: str
    content: str = "a program"
    tools: tuple[str, ...] = ()
    fetches: int = 0
    builds: int = 0
    on_fetch: Callable[[], None] = lambda: None
    on_build: Callable[[Path], None] = lambda _: None

    def key(self) -> str:
        return self.content.replace(" ", "-")

    def fetch(self, workshop: Workshop, task: Task) -> None:
        self.fetches += 1
        self.on_fetch()

    def build(self, workshop: Workshop, task: Task, into: Path) -> None:
        self.builds += 1
        (into / "program").write_text(self.content)
        self.on_build(into)
