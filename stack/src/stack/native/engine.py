"""Up, down and what is between: the native engine's commands."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import psutil

from stack import programs
from stack.compose.order import require_known, select
from stack.errors import StackError, last_lines
from stack.interrupt import Interrupted
from stack.native import state
from stack.native.ports import require_free_ports
from stack.native.processes import STACK_MARK, belonging, kill, kill_own_children, log_file
from stack.native.services import Runnable, runnables
from stack.native.start import ending, start
from stack.native.stop import clear, delete_volumes, end_supervisor, kill_service, stop, sweep
from stack.native.translate import require_binds
from stack.probe import ensure_probe
from stack.progress import Reporter
from stack.project import Project
from stack.space import require_free

SUPERVISION_SECONDS = 0.3


class NativeEngine:
    """Runs the services of one checkout as processes of this machine."""

    def __init__(self, project: Project, report: Reporter) -> None:
        self._project = project
        self._report = report

    def require_known(self, services: Sequence[str]) -> None:
        """Raise StackError for a name that is no service."""
        require_known(self._project.compose, services)

    def up(self, services: Sequence[str] = (), profiles: Sequence[str] = (), *, detach: bool) -> None:
        """Start services with all that they need and return when they are healthy.

        Already running ones stay. Raises StackError, after everything that it started was stopped again.
        """
        names = select(self._project.compose, services, profiles)
        other = state.supervisor(self._project)
        if other is not None and not detach:
            raise StackError(
                "this stack is already running",
                cause=f"`stack` with pid {other.pid} has it in the foreground",
                advice="`stack status` shows it, `stack down` stops it, `stack up -d` starts what is missing",
            )
        with state.exclusive(self._project):
            self._clean_up()
            missing = [name for name in names if not self._is_running(name)]
            if other is None:
                self._take_over(profiles, is_detached=detach)
            try:
                self._start(missing)
            except BaseException:
                self._give_up(missing, everything=other is None and len(missing) == len(names))
                raise
            if other is None:
                record = state.read_stack(self._project)
                if record is not None:
                    healthy = time.time() if missing else record.healthy
                    state.write_stack(self._project, replace(record, is_up=True, healthy=healthy))

    def down(self) -> int:
        """Stop everything, in reverse order; return how many services ran."""
        end_supervisor(self._project)
        ran = len(belonging(self._project))
        with state.exclusive(self._project):
            strays = asyncio.run(clear(self._project, self._stopped))
        if strays:
            self._report.line(f"ended {strays} processes that an earlier run had left behind")
        return ran

    def down_now(self) -> None:
        """Kill everything without a grace period."""
        kill(process for family in belonging(self._project).values() for process in family)
        asyncio.run(clear(self._project, self._stopped))

    def start(self, services: Sequence[str]) -> None:
        """Start just these services and wait until they are healthy."""
        require_known(self._project.compose, services)
        with state.exclusive(self._project):
            missing = [name for name in services if not self._is_running(name)]
            for name in missing:
                kill_service(self._project, name)
            try:
                self._start(missing)
            except BaseException:
                self._give_up(missing, everything=False)
                raise

    def stop(self, services: Sequence[str]) -> None:
        """Stop just these services, with their grace period."""
        require_known(self._project.compose, services)
        with state.exclusive(self._project):
            asyncio.run(stop(self._project, services, self._stopped))

    def restart(self, services: Sequence[str]) -> None:
        """Stop and start these services; what depends on them stays."""
        self.stop(services)
        self.start(services)

    def kill(self, services: Sequence[str]) -> int:
        """SIGKILL these services with all their processes; return how many there were."""
        require_known(self._project.compose, services)
        return sum(kill_service(self._project, name) for name in services)

    def reset(self) -> None:
        """Stop everything and delete all data."""
        self.down()
        with state.exclusive(self._project):
            delete_volumes(self._project)

    def build(self, services: Sequence[str] = ()) -> None:
        """Find, fetch or build the programs of services (all when none is named)."""
        require_known(self._project.compose, services)
        require_free(self._project.state)
        runnables(
            self._project, list(services or self._project.compose.services), programs.ensure, self._report
        )
        ensure_probe(self._project, self._report)

    def supervise(self) -> None:
        """Say when a service dies, until this process is interrupted; nothing is restarted."""
        reported: set[int] = set()
        while True:
            for name, record in state.read_all(self._project).items():
                if record.phase != "healthy" or record.pid in reported:
                    continue
                if state.process_of(record.pid, record.created) is None:
                    reported.add(record.pid)
                    self._report.line(self._obituary(name, record))
            time.sleep(SUPERVISION_SECONDS)

    def is_ours_and_up(self) -> bool:
        """Did this process start the stack, and did it get healthy?"""
        record = state.read_stack(self._project)
        return record is not None and record.pid == os.getpid() and record.is_up

    def stop_all(self) -> None:
        """Stop everything, if this process started it; a second interruption kills it."""
        record = state.read_stack(self._project)
        if record is None or record.pid != os.getpid():
            return
        try:
            with state.exclusive(self._project):
                asyncio.run(clear(self._project, self._stopped))
        except Interrupted:
            self.down_now()
            raise

    def _start(self, names: Sequence[str]) -> None:
        if not names:
            return
        require_free(self._project.state)
        require_free_ports(self._project, names)
        os.environ[STACK_MARK] = str(self._project.state)  # builds, too, are found when this engine is killed
        try:
            ensure_probe(self._project, self._report, names)
            require_binds(self._project, names)
            ready = runnables(self._project, names, programs.ensure, self._report)
        finally:
            del os.environ[STACK_MARK]
        self._run(ready)

    def _run(self, ready: dict[str, Runnable]) -> None:
        count = 0

        def healthy(name: str, seconds: float) -> None:
            nonlocal count
            count += 1
            self._report.line(f"{name} is healthy after {seconds:.1f} s ({count} of {len(ready)})")

        asyncio.run(start(self._project, ready, healthy))

    def _give_up(self, names: Sequence[str], *, everything: bool) -> None:
        services = {name: family for name, family in belonging(self._project).items() if name}
        kill_own_children(spared={process.pid for family in services.values() for process in family})
        try:
            if everything:
                asyncio.run(clear(self._project, self._stopped))
            else:
                asyncio.run(stop(self._project, names, self._stopped))
                for name in names:
                    kill_service(self._project, name)
                    state.forget(self._project, name)
        except Interrupted:
            self.down_now()

    def _clean_up(self) -> None:
        record = state.read_stack(self._project)
        is_abandoned = record is None or not (record.is_detached and record.is_up)
        if is_abandoned and state.supervisor(self._project) is None:
            left = belonging(self._project)
            if left:
                self._report.line(f"an earlier run left {', '.join(filter(None, left))}: stopping that first")
            asyncio.run(clear(self._project, self._stopped))
        else:
            sweep(self._project)

    def _take_over(self, profiles: Sequence[str], *, is_detached: bool) -> None:
        this = psutil.Process()
        before = state.read_stack(self._project)
        state.write_stack(
            self._project,
            state.StackRecord(
                engine="native",
                pid=this.pid,
                created=this.create_time(),
                is_detached=is_detached,
                is_up=False,
                started=before.started if before else time.time(),
                healthy=before.healthy if before else None,
                first_trace=before.first_trace if before else None,
                profiles=tuple(profiles),
            ),
        )

    def _is_running(self, name: str) -> bool:
        record = state.read(self._project, name)
        if record is None or record.phase != "healthy":
            return False
        return state.process_of(record.pid, record.created) is not None

    def _stopped(self, name: str, seconds: float, is_stubborn: bool) -> None:
        note = ": killed, its grace period was over" if is_stubborn else ""
        self._report.line(f"{name} stopped after {seconds:.1f} s{note}")

    def _obituary(self, name: str, record: state.Record) -> str:
        log = log_file(self._project, name)
        how = _exit_code(record.pid)
        error = StackError(
            f"{name} died ({how})" if how else f"{name} died",
            tail=last_lines(log, since=record.log_offset),
            log=log,
            advice=f"`stack start {name}` starts it again",
        )
        return str(error)


def _exit_code(pid: int) -> str:
    with suppress(ChildProcessError):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return ending(os.waitstatus_to_exitcode(status))
    return ""
