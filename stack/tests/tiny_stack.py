"""A checkout with a tiny compose file, and the real command line to run in it: what the tests here use."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest

from stack.native.status import status as native_status
from stack.project import open_project

HERE = Path(__file__).parent
STACK = Path(sys.executable).parent / "stack"
DEADLINE_SECONDS = 20
NOT_INHERITED = ("STACK_STATE", "BIND", "PYTHONDONTWRITEBYTECODE")
"""What would change where things are, or make every start of Python compile again."""


def wait_until(condition: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class Checkout:
    """A folder with a compose file; `stack` runs in it as a user runs it."""

    root: Path
    data_port: int
    web_port: int
    variables: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.root / ".stack"

    def environment(self) -> dict[str, str]:
        ports = {"DATA_PORT": str(self.data_port), "WEB_PORT": str(self.web_port)}
        clean = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}
        return {**clean, **ports, "FAMILY_FILE": str(self.root / "family"), **self.variables}

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `stack` with arguments to its end."""
        return subprocess.run(
            [STACK, *arguments],
            cwd=self.root,
            env={**self.environment(), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def begin(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Run `stack` with arguments and leave it running; stdout and stderr go to one pipe."""
        process = subprocess.Popen(
            [STACK, *arguments],
            cwd=self.root,
            env={**self.environment(), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def up(self, **variables: str) -> None:
        """Start everything in the background; must succeed."""
        result = self.run("up", "-d", "--engine", "native", **variables)
        assert result.returncode == 0, result.stderr

    def begin_up(self, **variables: str) -> subprocess.Popen[str]:
        """Start everything in the foreground and return when it is up."""
        process = self.begin("up", "--engine", "native", **variables)
        assert process.stdout
        for line in process.stdout:
            if "Ctrl-C stops everything" in line:
                return process
        pytest.fail("the stack did not start")

    def status(self) -> dict[str, dict]:
        """Return what `stack status --json` says of each service (in this process: faster)."""
        with patch.dict(os.environ, self.environment(), clear=True):
            found = native_status(open_project(self.root / "docker-compose.yml"))
        return {service.name: dataclasses.asdict(service) for service in found.services}

    def processes(self) -> list[psutil.Process]:
        """Return the living processes whose working folder is this checkout, but what `begin` began."""
        mine = {process.pid for process in self.started}
        found = []
        for process in psutil.process_iter():
            try:
                is_here = process.cwd() == str(self.root) and process.status() != psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            if is_here and process.pid not in mine:
                found.append(process)
        return found

    def answers(self, port: int) -> str | None:
        """Return what the service on a port says, None when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def edit(self, old: str, new: str) -> None:
        """Change the compose file."""
        file = self.root / "docker-compose.yml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
