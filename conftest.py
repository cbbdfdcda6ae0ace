"""Fixtures that every test folder may use: the real servers of docker-compose.yml, started once per session.

`postgres`, `kafka` and `redis` start those three only; `stack` starts everything. Both use a state folder of
their own (STACK_STATE), so that the volumes of `make demo` stay untouched.
"""

from __future__ import annotations

import importlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.native import NativeStack

REPOSITORY = Path(__file__).parent
TIERS = ("server", "stack")

for package in ("simulators", "stack"):  # or pytest takes the folders of the same name for them
    importlib.import_module(package)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run unit tests first, then those with real servers, then those that need the whole stack."""
    items.sort(
        key=lambda item: max(
            (TIERS.index(m.name) + 1 for m in item.iter_markers() if m.name in TIERS), default=0
        )
    )


@pytest.fixture(scope="session")
def native_stack() -> Iterator[NativeStack]:
    """The native engine on a state folder of this session; nothing runs yet."""
    with tempfile.TemporaryDirectory(prefix="pitboss-test-") as state:
        Path(state).chmod(0o755)  # PostgreSQL runs as an unprivileged user
        stack = NativeStack(REPOSITORY, Path(state))
        stack.run("init")
        try:
            yield stack
        finally:
            if keep := os.environ.get("PITBOSS_KEEP_LOGS"):
                shutil.copytree(Path(state) / "logs", keep, dirs_exist_ok=True)
            stack.run("down")


@pytest.fixture(scope="session")
def servers(native_stack: NativeStack) -> NativeStack:
    """PostgreSQL, Kafka and Redis are up and healthy."""
    native_stack.up("postgres", "kafka", "redis")
    return native_stack


@pytest.fixture(scope="session")
def postgres(servers: NativeStack) -> str:
    """URL of the running PostgreSQL with superuser rights."""
    return f"postgresql://postgres:{servers.secret('POSTGRES_PASSWORD')}@127.0.0.1:15432/postgres"


@pytest.fixture(scope="session")
def kafka(servers: NativeStack) -> str:
    """Bootstrap servers of the running Kafka."""
    del servers
    return "127.0.0.1:19092"


@pytest.fixture(scope="session")
def redis(servers: NativeStack) -> str:
    """URL of the running Redis."""
    return f"redis://:{servers.secret('REDIS_PASSWORD')}@127.0.0.1:16379/0"


@pytest.fixture(scope="session")
def stack(native_stack: NativeStack) -> NativeStack:
    """Every service of docker-compose.yml is up and healthy, players paused."""
    native_stack.up("--profile", "players")
    native_stack.pause_players()
    return native_stack
