"""docker-compose.yml as the real compose program reads it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.native import NativeStack

pytestmark = pytest.mark.server

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def compose(native_stack: NativeStack) -> Path:
    """The compose program, built from its Go module."""
    return Path(native_stack.run("build", "--print-path", "compose", timeout=1800).strip().splitlines()[-1])


def config(compose: Path, *, env_file: Path | str) -> subprocess.CompletedProcess[str]:
    """`docker compose config` with every profile."""
    return subprocess.run(
        [compose, "--env-file", env_file, "--profile", "*", "config", "--format", "json"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def services(compose: Path, native_stack: NativeStack) -> dict[str, Any]:
    """The resolved services."""
    done = config(compose, env_file=native_stack.repository / ".env")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


def test_every_service_has_a_health_check_a_memory_limit_and_loopback_ports(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["healthcheck"]["test"], name
        assert int(service["mem_limit"]) > 0, name
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", [])), name


def test_services_wait_for_the_health_of_what_they_need(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for needed, condition in service.get("depends_on", {}).items():
            assert condition["condition"] == "service_healthy", (name, needed)


def test_nobody_without_the_secrets_gets_further_than_the_hint(compose: Path) -> None:
    done = config(compose, env_file=os.devnull)
    assert done.returncode != 0
    assert "run make demo once" in done.stderr


def test_the_file_holds_no_secret(native_stack: NativeStack) -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    env = native_stack.repository / ".env"
    secrets = [line.partition("=")[2].strip("'\"") for line in env.read_text().splitlines() if "=" in line]
    assert secrets
    assert [secret for secret in secrets if len(secret) > 8 and secret in text] == []
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


def test_each_python_service_starts_instrumented(services: dict[str, Any]) -> None:
    for name in ("vault", "concierge", "room-service", "players"):
        assert services[name]["command"][0] == "opentelemetry-instrument"
        assert services[name]["environment"]["OTEL_PYTHON_DISTRO"] == "pitboss"
        assert services[name]["environment"]["OTEL_PYTHON_CONFIGURATOR"] == "pitboss"


def test_every_service_says_how_it_runs_natively() -> None:
    document = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    kinds = {"go", "ocb", "jars", "wheel", "debian", "python"}
    for name, service in document["services"].items():
        assert len(kinds & service["x-native"].keys()) == 1, name
