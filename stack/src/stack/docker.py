"""The container engine: hands the compose file to `docker compose`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace

import psutil

from stack.compose.order import require_known, select
from stack.errors import StackError
from stack.interrupt import Interrupted
from stack.native import state
from stack.probe import ensure_probe
from stack.progress import Reporter
from stack.project import Project

INFO_SECONDS = 5
PULL_SECONDS = 15
SUPERVISION_SECONDS = 1.0


class DockerEngine:
    """Runs the services of one checkout in containers."""

    def __init__(self, project: Project, report: Reporter) -> None:
        self._project = project
        self._report = report

    def obstacle(self) -> str:
        """Return why containers cannot be used here, empty when they can."""
        if shutil.which("docker") is None:
            return "no docker command"
        if not _succeeds(["docker", "info"], INFO_SECONDS):
            return "no docker daemon answers"
        if self._compose_command() is None:
            return "docker has no compose plugin"
        for service in self._project.compose.services.values():
            if service.build is not None or service.image is None:
                continue
            if _succeeds(["docker", "image", "inspect", service.image], INFO_SECONDS):
                continue
            # One image that can be reached stands for the registry.
            if _succeeds(["docker", "manifest", "inspect", service.image], PULL_SECONDS):
                return ""
            return f"{service.image} is not here and cannot be pulled"
        return ""

    def require_known(self, services: Sequence[str]) -> None:
        """Raise StackError for a name that is no service."""
        require_known(self._project.compose, services)

    def up(self, services: Sequence[str] = (), profiles: Sequence[str] = (), *, detach: bool) -> None:
        """Build and start services in containers and wait until they are healthy."""
        names = select(self._project.compose, services, profiles)
        ensure_probe(self._project, self._report, names)
        this = psutil.Process()
        record = state.StackRecord(
            engine="docker",
            pid=this.pid,
            created=this.create_time(),
            is_detached=detach,
            is_up=False,
            started=time.time(),
            profiles=tuple(profiles),
        )
        state.write_stack(self._project, record)
        flags = [flag for profile in profiles for flag in ("--profile", profile)]
        try:
            self._compose([*flags, "up", "--build", "--detach", "--wait", *services])
        except BaseException:
            self.stop_all()
            raise
        state.write_stack(self._project, replace(record, is_up=True, healthy=time.time()))

    def supervise(self) -> None:
        """Wait until interrupted, saying which containers ended."""
        reported: set[str] = set()
        while True:
            for name in self._exited() - reported:
                self._report.line(
                    f"{name} died; `stack logs {name}` says why, `stack start {name}` starts it again"
                )
                reported.add(name)
            time.sleep(SUPERVISION_SECONDS)

    def is_ours_and_up(self) -> bool:
        """Did this process start the stack, and did it get healthy?"""
        record = state.read_stack(self._project)
        return record is not None and record.pid == os.getpid() and record.is_up

    def stop_all(self) -> None:
        """Stop everything, if this process started it; a second interruption kills it."""
        record = state.read_stack(self._project)
        if record is not None and record.pid == os.getpid():
            self._down()

    def down(self) -> int:
        """Stop and remove all containers; data is kept. Returns how many services ran."""
        ran = len(self._run(["ps", "--quiet"]).split())
        self._down()
        return ran

    def start(self, services: Sequence[str]) -> None:
        """Start stopped services and wait until they are healthy."""
        self.require_known(services)
        self._compose(["up", "--detach", "--wait", "--no-deps", *services])

    def stop(self, services: Sequence[str]) -> None:
        """Stop services."""
        self.require_known(services)
        self._compose(["stop", *services])

    def restart(self, services: Sequence[str]) -> None:
        """Stop and start services."""
        self.stop(services)
        self.start(services)

    def kill(self, services: Sequence[str]) -> int:
        """SIGKILL services; returns how many."""
        self.require_known(services)
        self._compose(["kill", *services])
        return len(services)

    def reset(self) -> None:
        """Stop everything and delete all data."""
        self._compose(["--profile", "*", "down", "--volumes"])
        state.forget_stack(self._project)

    def build(self, services: Sequence[str] = ()) -> None:
        """Build the images of services."""
        self.require_known(services)
        ensure_probe(self._project, self._report)
        self._compose(["--profile", "*", "build", *services])

    def status(self, *, as_json: bool) -> None:
        """Print what `docker compose ps` says."""
        self._compose(["--profile", "*", "ps", "--all", *(["--format", "json"] if as_json else [])])

    def logs(self, services: Sequence[str], *, follow: bool, tail: int) -> None:
        """Print what services wrote."""
        flags = ["--follow"] if follow else []
        self._compose(["--profile", "*", "logs", *flags, "--tail", str(tail), *services])

    def _down(self) -> None:
        try:
            self._compose(["--profile", "*", "down"])
        except Interrupted:
            self._compose(["--profile", "*", "kill"])
            raise
        state.forget_stack(self._project)

    def _exited(self) -> set[str]:
        lines = self._run(["--profile", "*", "ps", "--all", "--format", "json"]).splitlines()
        containers = [json.loads(line) for line in lines if line.startswith("{")]
        return {entry["Service"] for entry in containers if entry.get("State") in ("exited", "dead")}

    def _compose(self, arguments: Sequence[str]) -> None:
        result = subprocess.run(self._command(arguments), env=self._environment(), check=False)
        if result.returncode != 0:
            raise StackError(
                f"docker compose {' '.join(arguments)} failed with exit code {result.returncode}",
                cause="its own message is above",
            )

    def _run(self, arguments: Sequence[str]) -> str:
        result = subprocess.run(
            self._command(arguments), env=self._environment(), check=False, capture_output=True, text=True
        )
        return result.stdout

    def _command(self, arguments: Sequence[str]) -> list[str]:
        compose = self._compose_command()
        if compose is None:
            raise StackError("docker has no compose plugin", advice="install it, or use --engine native")
        return [*compose, "--file", str(self._project.file), *arguments]

    def _environment(self) -> dict[str, str]:
        own = {name: self._project.variables[name] for name in ("STACK_STATE", "SERVICE_VERSION")}
        return {**os.environ, **own}

    def _compose_command(self) -> list[str] | None:
        if _succeeds(["docker", "compose", "version"], INFO_SECONDS):
            return ["docker", "compose"]
        return ["docker-compose"] if shutil.which("docker-compose") else None


def _succeeds(command: Sequence[str], seconds: float) -> bool:
    try:
        result = subprocess.run(command, capture_output=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0
