"""Checkouts to run the real command line in."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import dotenv

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # pytest's importlib mode does not let tests import what is beside them

from tiny_stack import Checkout, free_port  # noqa: E402


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout without `.env`."""
    text = (HERE / "tiny.yml").read_text()
    text = text.replace("TINY_SERVER", str(HERE / "tiny_server.py"))
    (tmp_path / "docker-compose.yml").write_text(text.replace("TINY_CHECK", str(HERE / "tiny_check.py")))
    checkout = Checkout(tmp_path, free_port(), free_port())
    yield checkout
    for process in checkout.started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    for process in checkout.processes():
        process.kill()


@pytest.fixture
def checkout(bare_checkout: Checkout) -> Checkout:
    """A checkout that is ready to start."""
    dotenv.write_secrets(bare_checkout.root / ".env", ["SECRET"])
    return bare_checkout
