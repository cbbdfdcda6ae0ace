"""What is written down about a running stack, so that another command (or the next one) finds it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import psutil
from filelock import FileLock, Timeout

from stack.errors import StackError
from stack.project import Project

CLOCK_TOLERANCE_SECONDS = 2.0
"""A process's start time, as told by the kernel, moves when the clock is set."""
LOCK_SECONDS = 30.0

Phase = Literal["starting", "healthy", "stopping", "stopped", "killed"]


@dataclass(frozen=True)
class Record:
    """One service that was started. Times are seconds since the epoch."""

    name: str
    pid: int
    created: float
    spawned: float
    phase: Phase
    healthy: float | None = None
    stop_signal: int = 15
    grace: float = 10.0
    path: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """Folders and variables of its program, for health checks that other commands run."""
    log_offset: int = 0


@dataclass(frozen=True)
class StackRecord:
    """The whole stack: which engine has it, who supervises it, how long it took to start."""

    engine: Literal["native", "docker"]
    pid: int
    created: float
    is_detached: bool
    is_up: bool
    started: float
    healthy: float | None = None
    first_trace: float | None = None
    profiles: tuple[str, ...] = ()


def process_of(pid: int, created: float) -> psutil.Process | None:
    """Return the process that had this pid at that time, None when it is gone or another one."""
    try:
        process = psutil.Process(pid)
        is_same = abs(process.create_time() - created) < CLOCK_TOLERANCE_SECONDS
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def write(project: Project, record: Record) -> None:
    """Write down a service's record."""
    _write(project.runs / f"{record.name}.json", asdict(record))


def read(project: Project, name: str) -> Record | None:
    """Return a service's record, None where it was never started."""
    values = _read(project.runs / f"{name}.json")
    return Record(**{**values, "path": tuple(values["path"])}) if values else None


def read_all(project: Project) -> dict[str, Record]:
    """Return the records of all services that were started, by name."""
    names = sorted(file.stem for file in project.runs.glob("*.json"))
    found = ((name, read(project, name)) for name in names)
    return {name: record for name, record in found if record}


def forget(project: Project, name: str) -> None:
    """Remove a service's record."""
    (project.runs / f"{name}.json").unlink(missing_ok=True)


def update(project: Project, record: Record, *, phase: Phase, healthy: float | None = None) -> Record:
    """Write down that a service is in another phase."""
    changed = replace(record, phase=phase, healthy=healthy if healthy is not None else record.healthy)
    write(project, changed)
    return changed


def write_stack(project: Project, record: StackRecord) -> None:
    """Write down the stack's record."""
    _write(project.state / "stack.json", asdict(record))


def read_stack(project: Project) -> StackRecord | None:
    """Return the stack's record, None when no stack was started."""
    values = _read(project.state / "stack.json")
    return StackRecord(**{**values, "profiles": tuple(values["profiles"])}) if values else None


def forget_stack(project: Project) -> None:
    """Remove the stack's record."""
    (project.state / "stack.json").unlink(missing_ok=True)


def supervisor(project: Project) -> psutil.Process | None:
    """Return the living engine process that has this stack in its hands, other than this one."""
    record = read_stack(project)
    if record is None or record.pid == os.getpid():
        return None
    return process_of(record.pid, record.created)


@contextmanager
def exclusive(project: Project, wait_seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Let one command at a time change this stack. Raises StackError when another one does not end."""
    project.state.mkdir(parents=True, exist_ok=True)
    lock = FileLock(project.state / "lock")
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        raise StackError(
            "another stack command is at work on this checkout",
            cause=f"it has held {lock.lock_file} for {wait_seconds:.0f} s",
            advice="wait for it, or end it with `stack down`",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _write(file: Path, values: dict[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(json.dumps(values))
    draft.replace(file)


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
