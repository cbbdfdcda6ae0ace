"""Programs in Go: a folder whose go.mod names a `tool` in another module, or one with sources of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from stack.programs import toolchain
from stack.programs.recipe import Workshop, contents, digest
from stack.programs.run import BuildError, capture, run
from stack.progress import Task

LINK_SHARE = 0.06
"""Part of a build's time that the linker takes, after all packages are compiled."""
_PACKAGE_LINE = re.compile(r"^[\w.~-]+(/[\w.~+-]+)*$")
_ZIP_LINE = re.compile(r"^# get \S+?//[^/]+/(\S+)/@v/\S+\.zip: 200")
"""What `go mod download -x` says when a module has come: its address, of which only the path is shown."""
_SOURCES = ("go.mod", "go.sum", "**/*.go")


@dataclass(frozen=True)
class GoRecipe:
    """One program in Go. `folder` has go.mod, go.sum and either a tool directive or package main."""

    name: str
    folder: Path
    tools: tuple[str, ...] = ()

    def key(self) -> str:
        """Return what changes with the sources, the pins of the modules, the Go version or the flags."""
        if not (self.folder / "go.mod").is_file() or not (self.folder / "go.sum").is_file():
            raise BuildError(f"{self.name}: no go.mod and go.sum in {self.folder}", advice="restore them")
        return digest({"go": toolchain.go_identity(), **contents(self.folder, _SOURCES)})

    def fetch(self, workshop: Workshop, task: Task) -> None:
        """Download the modules that go.mod names, each checked against go.sum."""
        download_modules(self.folder, self.name, workshop, task)

    def build(self, workshop: Workshop, task: Task, into: Path) -> None:
        """Compile to `bin/<name>`."""
        compile_package(
            self.folder,
            package(self.folder),
            into / "bin" / self.name,
            name=self.name,
            workshop=workshop,
            task=task,
        )


def package(folder: Path) -> str:
    """Return the package that go.mod's tool directive names, else the folder's own."""
    found = re.findall(r"^tool\s+(\S+)$", (folder / "go.mod").read_text(), re.MULTILINE)
    return found[0] if found else "."


def download_modules(folder: Path, name: str, workshop: Workshop, task: Task) -> None:
    """Download all modules of a go.mod into the shared module cache. Raises BuildError."""
    task.update(0.0, "downloading modules")
    wanted = len(re.findall(r"^\s+\S+ v\S+", (folder / "go.mod").read_text(), re.MULTILINE)) + 1
    progress = LineProgress(task, wanted, "downloading")

    def on_line(line: str) -> None:
        if match := _ZIP_LINE.search(line):
            progress.step(match[1])

    run(
        [toolchain.go(), "mod", "download", "-x"],
        what=f"downloading the modules of {name}",
        log=workshop.logs / f"{name}-fetch.log",
        folder=folder,
        variables=toolchain.go_variables(workshop),
        on_line=on_line,
    )


def compile_package(
    folder: Path,
    package: str,
    target: Path,
    *,
    name: str,
    workshop: Workshop,
    task: Task,
    flags: tuple[str, ...] = (),
    link_flags: str = "",
    with_c: bool = False,
    share: tuple[float, float] = (0.0, 1.0),
) -> None:
    """Compile one package main to `target`; interrupted, the next run goes on with what was compiled.

    Parameters: `share` is the part of the task (from, to) that this build is. Raises BuildError.
    """
    variables = toolchain.go_variables(workshop, with_c=with_c)
    task.update(share[0], "counting packages")
    reasons = capture(
        [toolchain.go(), "list", "-deps", *toolchain.GO_FLAGS, *flags, "-f", "{{.StaleReason}}", package],
        folder=folder,
        variables=variables,
    )
    progress = LineProgress(task, to_compile(reasons), "compiling", share=share, end=1 - LINK_SHARE)
    target.parent.mkdir(parents=True, exist_ok=True)

    def on_line(line: str) -> None:
        if _PACKAGE_LINE.match(line):
            progress.step(line)

    run(
        [
            toolchain.go(),
            "build",
            "-v",
            *toolchain.GO_FLAGS,
            f"-ldflags={toolchain.GO_LINK_FLAGS}{link_flags}",
            *flags,
            "-o",
            target,
            package,
        ],
        what=f"building {name}",
        log=workshop.logs / f"{name}-build.log",
        folder=folder,
        variables=variables,
        on_line=on_line,
    )


def to_compile(reasons: str) -> int:
    """Return how many packages are not in the build cache yet, from `go list`'s reasons, one per line."""
    lines = [line for line in reasons.splitlines() if line]
    return sum("available in build cache" not in line for line in lines)


class LineProgress:
    """Turns lines of output, one per thing done, into a fraction of a task."""

    def __init__(
        self, task: Task, total: int, verb: str, *, share: tuple[float, float] = (0.0, 1.0), end: float = 1.0
    ) -> None:
        self._task = task
        self._total = max(1, total)
        self._verb = verb
        self._share = share
        self._end = end
        self._done = 0

    def step(self, note: str) -> None:
        """One more thing is done."""
        self._done += 1
        part = min(1.0, self._done / self._total) * self._end
        begin, stop = self._share
        self._task.update(begin + (stop - begin) * part, f"{self._verb} {note}")
