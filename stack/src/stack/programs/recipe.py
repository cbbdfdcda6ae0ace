"""What can be built into the cache: its name, what its content depends on, how it is fetched and built."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stack.progress import Task

KEY_LENGTH = 16


@dataclass(frozen=True)
class Workshop:
    """Where builders work, all below the cache, so that an interrupted build goes on where it was."""

    cache: Path

    @property
    def programs(self) -> Path:
        """Finished programs, one folder each."""
        return self.cache / "programs"

    @property
    def logs(self) -> Path:
        """Output of the last fetch and the last build of each program."""
        return self.cache / "logs"

    @property
    def go(self) -> Path:
        """Go's module and build caches, shared by all Go programs."""
        return self.cache / "go"

    def bench(self, name: str, key: str) -> Path:
        """Return a program's own working folder: kept when its build fails, removed when it succeeds."""
        return self.cache / "work" / f"{name}-{key}"


class Recipe(Protocol):
    """How one program is had."""

    @property
    def name(self) -> str:
        """Names the program in the cache, in messages and in the estimates."""
        ...

    @property
    def tools(self) -> tuple[str, ...]:
        """Programs of the system that fetching and building need; each is in the list of Debian packages."""
        ...

    def key(self) -> str:
        """Return what changes whenever the result could: a digest of the recipe and the tools."""
        ...

    def fetch(self, workshop: Workshop, task: Task) -> None:
        """Download what the build needs into the shared caches; may run while another program is built."""

    def build(self, workshop: Workshop, task: Task, into: Path) -> None:
        """Make the program's files in the empty folder `into`. Raises BuildError."""


def digest(parts: Mapping[str, str | bytes]) -> str:
    """Return a short digest of named parts; which part a byte belongs to matters, their order does not."""
    whole = hashlib.sha256()
    for name in sorted(parts):
        part = parts[name]
        content = part.encode() if isinstance(part, str) else part
        whole.update(f"{name}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()[:KEY_LENGTH]


def contents(folder: Path, patterns: Iterable[str]) -> dict[str, bytes]:
    """Return the files of `folder` that match, by path relative to it."""
    files = {file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(files)}
