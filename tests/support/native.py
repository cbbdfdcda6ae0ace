"""The running stack, driven through the same command line that users have."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 300
BUILD_SECONDS = 60 * 60
"""A cold cache builds Tempo, Loki, Mimir, Grafana and the collector first."""


class NativeStack:
    """`stack …` on a state folder of its own.

    Attributes:
        repository: the checkout whose docker-compose.yml runs.
        state: folder of volumes, logs and run state.
    """

    def __init__(self, repository: Path, state: Path) -> None:
        self.repository = repository
        self.state = state
        self.environment = os.environ | {"STACK_STATE": str(state), "SERVICE_VERSION": "test"}

    def run(self, *arguments: str, timeout: float = START_SECONDS) -> str:
        """Run one command of the engine and return what it printed.

        Raises:
            AssertionError: it failed; the message holds all that it printed.
        """
        done = subprocess.run(
            [str(self.repository / ".venv/bin/stack"), *arguments],
            cwd=self.repository,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"stack {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def up(self, *arguments: str) -> None:
        """Start services (all without arguments), build what is missing, wait until they are healthy."""
        self.run("up", "--engine", "native", "--detach", *arguments, timeout=BUILD_SECONDS)

    def status(self) -> dict[str, Any]:
        """What `stack status --json` says."""
        return json.loads(self.run("status", "--json"))

    def pid(self, service: str) -> int:
        """The process id of a running service."""
        return next(each["pid"] for each in self.status()["services"] if each["name"] == service)

    def secret(self, name: str) -> str:
        """The value of one variable of `.env`."""
        for line in (self.repository / ".env").read_text().splitlines():
            key, _, value = line.partition("=")
            if key == name:
                return value.strip().strip("'\"")
        raise KeyError(name)

    def pause_players(self) -> None:
        """Stop the simulated players, so that a test's own bet is the newest."""
        httpx.post("http://127.0.0.1:8011/pause").raise_for_status()

    def resume_players(self) -> None:
        """Let the simulated players go on."""
        httpx.post("http://127.0.0.1:8011/resume").raise_for_status()
