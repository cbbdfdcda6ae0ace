"""A migrated database per test, and wallet events to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from casino.database import migrate
from concierge.app import MIGRATIONS


@pytest.fixture
def record() -> Callable[[bytes | None], Any]:
    """A consumed message with this value."""
    return lambda value: SimpleNamespace(
        topic="wallet.events", partition=0, offset=7, value=value, key=b"key"
    )


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """URL of a database of this test's own, with Concierge's schema."""
    name = f"concierge_{uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = postgres.rsplit("/", 1)[0] + "/" + name
    migrate(url, MIGRATIONS)
    yield url
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
