"""What runs, how it is, what it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import psutil

from stack.native import state
from stack.native.health import is_unhealthy
from stack.native.processes import belonging
from stack.native.services import recorded_check
from stack.project import Project

Condition = Literal[
    "not started", "starting", "healthy", "unhealthy", "stopping", "stopped", "killed", "dead"
]


@dataclass(frozen=True)
class ServiceStatus:
    """One service. Sizes in bytes, times in seconds."""

    name: str
    state: Condition
    detail: str
    pid: int | None
    uptime: float | None
    healthy_after: float | None
    processes: int
    rss: int
    """Sum over its processes; memory that they share is counted for each."""
    pss: int
    """The same with shared memory counted once."""
    mem_limit: int | None
    ports: tuple[int, ...]


@dataclass(frozen=True)
class StackStatus:
    """The whole stack. Sizes in bytes, times in seconds."""

    engine: str | None
    supervisor: int | None
    healthy_after: float | None
    first_trace_after: float | None
    rss: int
    pss: int
    services: tuple[ServiceStatus, ...]


def status(project: Project) -> StackStatus:
    """Return the state of every service; health checks are run now."""
    families = belonging(project)
    services = asyncio.run(_all(project, families))
    record = state.read_stack(project)
    supervisor = state.supervisor(project)
    return StackStatus(
        engine=record.engine if record else None,
        supervisor=supervisor.pid if supervisor else None,
        healthy_after=record.healthy - record.started if record and record.healthy else None,
        first_trace_after=record.first_trace - record.started if record and record.first_trace else None,
        rss=sum(service.rss for service in services),
        pss=sum(service.pss for service in services),
        services=tuple(services),
    )


async def _all(project: Project, families: dict[str, list[psutil.Process]]) -> list[ServiceStatus]:
    return await asyncio.gather(
        *(_one(project, name, families.get(name, [])) for name in project.compose.services)
    )


async def _one(project: Project, name: str, family: Sequence[psutil.Process]) -> ServiceStatus:
    record = state.read(project, name)
    process = state.process_of(record.pid, record.created) if record else None
    condition, detail = await _condition(project, name, record, is_alive=process is not None)
    rss, pss = _memory(family if process else [])
    definition = project.compose.services[name]
    return ServiceStatus(
        name=name,
        state=condition,
        detail=detail,
        pid=process.pid if process else None,
        uptime=time.time() - record.spawned if record and process else None,
        healthy_after=record.healthy - record.spawned if record and record.healthy and process else None,
        processes=len(family) if process else 0,
        rss=rss,
        pss=pss,
        mem_limit=definition.mem_limit,
        ports=tuple(port.published for port in definition.ports),
    )


async def _condition(
    project: Project, name: str, record: state.Record | None, *, is_alive: bool
) -> tuple[Condition, str]:
    if record is None:
        return "not started", ""
    if not is_alive:
        ended: Condition = record.phase if record.phase in ("stopped", "killed") else "dead"
        return ended, ""
    if record.phase in ("starting", "stopping"):
        return record.phase, ""
    check = recorded_check(project, record)
    healthcheck = project.compose.services[name].healthcheck
    if check is None or healthcheck is None:
        return "healthy", "no health check"
    reason = await is_unhealthy(check, healthcheck.timeout)
    return ("healthy", "") if reason is None else ("unhealthy", reason)


def _memory(family: Sequence[psutil.Process]) -> tuple[int, int]:
    rss = pss = 0
    for process in family:
        try:
            own = process.memory_info().rss
        except psutil.Error:
            continue
        rss += own
        try:
            pss += process.memory_full_info().pss
        except (psutil.Error, AttributeError):
            pss += own
    return rss, pss
