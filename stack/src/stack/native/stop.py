"""Stops services: those that depend on others first, with their grace period, then by force."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil

from stack.compose.order import start_order
from stack.errors import StackError
from stack.native import state
from stack.native.processes import belonging, is_alive, kill
from stack.project import Project

POLL_SECONDS = 0.05
SUPERVISOR_SECONDS = 90.0

Stopped = Callable[[str, float, bool], None]
"""Told the name of a service that stopped, how many seconds that took, and whether it had to be killed."""


async def stop(project: Project, names: Iterable[str], stopped: Stopped) -> None:
    """Stop services in reverse order of their dependencies; what does not run is left out."""
    records = {name: record for name in names if (record := state.read(project, name))}
    known = [name for name in records if name in project.compose.services]
    gone = {name: asyncio.Event() for name in records}
    dependents: dict[str, list[str]] = {name: [] for name in records}
    for name in start_order(project.compose.services, known):
        for other in project.compose.services[name].depends_on:
            if other in dependents:
                dependents[other].append(name)

    async def one(record: state.Record) -> None:
        for name in dependents[record.name]:
            await gone[name].wait()
        await _stop_one(project, record, stopped)
        gone[record.name].set()

    async with asyncio.TaskGroup() as group:
        for record in records.values():
            group.create_task(one(record))


async def _stop_one(project: Project, record: state.Record, stopped: Stopped) -> None:
    began = time.monotonic()
    process = state.process_of(record.pid, record.created)
    family = belonging(project, [record.name]).get(record.name, [])
    if record.phase not in ("killed", "stopped"):
        record = state.update(project, record, phase="stopping")
    if process is not None:
        with suppress(psutil.Error):
            process.send_signal(record.stop_signal)
        while is_alive(process) and time.monotonic() - began < record.grace:  # noqa: ASYNC110 - no child of ours
            await asyncio.sleep(POLL_SECONDS)
    is_stubborn = process is not None and is_alive(process)
    # What is left gets no grace: in a container, too, all ends with its first process.
    kill([*([process] if process else []), *family, *belonging(project, [record.name]).get(record.name, [])])
    if record.phase == "stopping":
        state.update(project, record, phase="stopped")
    if process is not None or family:
        stopped(record.name, time.monotonic() - began, is_stubborn)


def kill_service(project: Project, name: str) -> int:
    """SIGKILL a service with all its processes; return how many there were."""
    record = state.read(project, name)
    main = state.process_of(record.pid, record.created) if record else None
    family = belonging(project, [name]).get(name, [])
    if record is not None and main is not None:
        state.update(project, record, phase="killed")
    kill([*([main] if main else []), *family])
    return len({process.pid for process in (*family, *([main] if main else []))})


def sweep(project: Project) -> int:
    """End every process of this stack that no living service accounts for; return how many there were."""
    strays: list[psutil.Process] = []
    for name, processes in belonging(project).items():
        record = state.read(project, name)
        if record is None or state.process_of(record.pid, record.created) is None:
            strays += processes
    kill(strays)
    return len(strays)


async def clear(project: Project, stopped: Stopped) -> int:
    """Stop everything and forget it; return how many processes had been left behind without a record."""
    await stop(project, state.read_all(project), stopped)
    strays = sweep(project)
    for name in state.read_all(project):
        state.forget(project, name)
    state.forget_stack(project)
    return strays


def end_supervisor(project: Project) -> None:
    """Ask the engine that has this stack in its hands to stop it, and wait; kill it if it does not end."""
    supervisor = state.supervisor(project)
    if supervisor is None:
        return
    supervisor.terminate()
    deadline = time.monotonic() + SUPERVISOR_SECONDS
    while is_alive(supervisor):
        if time.monotonic() > deadline:
            kill([supervisor])
        time.sleep(POLL_SECONDS)


def delete_volumes(project: Project) -> None:
    """Delete all data of the stack. Raises StackError while something of it still runs."""
    if left := belonging(project):
        raise StackError(f"{', '.join(left)} still run", advice="run `stack down` first")
    for folder in (project.volumes, project.prepared):
        shutil.rmtree(folder, ignore_errors=True)
