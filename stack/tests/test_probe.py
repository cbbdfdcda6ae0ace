"""The health probe, as it is built for the stack."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tiny_stack import Checkout, free_port

pytestmark = pytest.mark.server


@pytest.fixture
def probe(checkout: Checkout) -> Path:
    mount = '"${STACK_STATE:-./.stack}/bin/probe:/probe:ro"'
    checkout.edit('volumes: ["data:/data"]', f'volumes: ["data:/data", {mount}]')
    assert checkout.run("init").returncode == 0
    return checkout.state / "bin" / "probe"


def _run(probe: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([probe, *arguments], capture_output=True, text=True, check=False)


def test_probe_tells_healthy_from_sick_and_from_absent(checkout: Checkout, probe: Path) -> None:
    checkout.up()
    healthy = f"http://127.0.0.1:{checkout.data_port}/"

    assert _run(probe, healthy).returncode == 0
    assert _run(probe, "--timeout", "1s", "--header", "X-Scope-OrgID=casino", healthy).returncode == 0
    assert _run(probe, f"tcp://127.0.0.1:{checkout.data_port}").returncode == 0
    absent = _run(probe, f"http://127.0.0.1:{free_port()}/")
    assert absent.returncode == 1
    assert "connection refused" in absent.stderr
    assert _run(probe, "not an address").returncode == 2
