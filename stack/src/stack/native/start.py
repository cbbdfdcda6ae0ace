"""Starts services in the order of their dependencies, side by side where possible, until all are healthy."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from stack.errors import StackError, last_lines
from stack.native import state
from stack.native.health import is_unhealthy
from stack.native.processes import Launch, kill, log_file, spawn, user_group
from stack.native.services import Runnable
from stack.project import Project

FIRST_CHECK_SECONDS = 0.1
SLOWER = 1.3
ALIVE_SECONDS = 0.3
"""A service without a health check has started when it lived this long."""

Healthy = Callable[[str, float], None]
"""Told the name of a service that became healthy and how many seconds that took."""


async def start(project: Project, services: Mapping[str, Runnable], healthy: Healthy) -> None:
    """Start services; those that they depend on and that are not among them are taken to be up.

    Raises the StackError of the first that fails; what was started by then still runs.
    """
    events = {name: asyncio.Event() for name in services}

    async def one(service: Runnable) -> None:
        for other in service.definition.depends_on:
            if other in events:
                await events[other].wait()
        seconds = await _start_one(project, service)
        healthy(service.name, seconds)
        events[service.name].set()

    try:
        async with asyncio.TaskGroup() as group:
            for service in services.values():
                group.create_task(one(service))
    except* StackError as failures:
        raise _first(failures) from None


async def _start_one(project: Project, service: Runnable) -> float:
    log = log_file(project, service.name)
    await _prepare(project, service, log)
    offset = log.stat().st_size
    began = time.monotonic()
    process = spawn(service.launch, log, service.name)
    record = state.Record(
        name=service.name,
        pid=process.pid,
        created=_created(process),
        spawned=time.time(),
        phase="starting",
        stop_signal=service.program.stop_signal,
        grace=service.definition.stop_grace_period,
        path=tuple(map(str, service.program.path)),
        variables=dict(service.program.variables),
        log_offset=offset,
    )
    state.write(project, record)
    await _until_healthy(service, process, log, offset)
    seconds = time.monotonic() - began
    state.update(project, record, phase="healthy", healthy=time.time())
    return seconds


async def _until_healthy(service: Runnable, process: subprocess.Popen[bytes], log: Path, offset: int) -> None:
    began = time.monotonic()
    pause, reason = FIRST_CHECK_SECONDS, ""
    while True:
        await asyncio.sleep(pause)
        if process.poll() is not None:
            raise StackError(
                f"{service.name} died while starting: {ending(process.returncode)}",
                tail=last_lines(log, since=offset),
                log=log,
                advice="the cause is usually in those lines; `stack logs` has the rest",
            )
        if service.check is None or service.healthcheck is None:
            if time.monotonic() - began > ALIVE_SECONDS:
                return
            continue
        found = await is_unhealthy(service.check, service.healthcheck.timeout)
        if found is None:
            return
        reason = found
        if time.monotonic() - began > service.healthcheck.patience:
            raise StackError(
                f"{service.name} did not become healthy within {service.healthcheck.patience:.0f} s",
                cause=reason,
                tail=last_lines(log, since=offset),
                log=log,
                advice="the cause is usually in those lines; `stack logs` has the rest",
            )
        pause = min(pause * SLOWER, service.healthcheck.interval)


async def _prepare(project: Project, service: Runnable, log: Path) -> None:
    done = project.prepared / service.name
    if done.exists():
        _make_volumes(service)
        return
    if service.prepare:
        for volume in service.volumes:  # what a preparation left that did not come to its end
            shutil.rmtree(volume, ignore_errors=True)
    _make_volumes(service)
    for launch in service.prepare:
        await _run_once(service.name, launch, log)
    done.parent.mkdir(parents=True, exist_ok=True)
    done.touch()


async def _run_once(name: str, launch: Launch, log: Path) -> None:
    offset = log.stat().st_size  # noqa: ASYNC240 - a local file
    process = spawn(launch, log, name)
    try:
        while (code := process.poll()) is None:  # noqa: ASYNC110 - Popen has no event
            await asyncio.sleep(FIRST_CHECK_SECONDS)
    finally:
        if process.returncode is None:
            kill([psutil.Process(process.pid)])
            process.wait()
    if code != 0:
        raise StackError(
            f"{name} could not be prepared: {ending(code)}",
            cause=f"{launch.arguments[0]} failed on the empty volume",
            tail=last_lines(log, since=offset),
            log=log,
        )


def _make_volumes(service: Runnable) -> None:
    for volume in service.volumes:
        if not volume.exists():
            volume.mkdir(parents=True, mode=0o700)
        _give(volume, service.launch.user)


def _give(volume: Path, user: str | None) -> None:
    if user is None or os.geteuid() != 0:
        return
    user_id, group_id = pwd.getpwnam(user).pw_uid, int(user_group(user))
    if volume.stat().st_uid == user_id:
        return
    for path in (volume, *volume.rglob("*")):
        os.chown(path, user_id, group_id, follow_symlinks=False)


def _created(process: subprocess.Popen[bytes]) -> float:
    try:
        return psutil.Process(process.pid).create_time()
    except psutil.Error:
        return time.time()


def ending(code: int) -> str:
    """Say how a process ended: `exit code 1`, `SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _first(failures: BaseExceptionGroup[StackError]) -> StackError:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
