"""A database with nothing but an outbox."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from casino import outbox


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """URL of a fresh database."""
    name = f"casino_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield postgres.rsplit("/", 1)[0] + "/" + name
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def outbox_database(empty_database: str) -> str:
    """URL of a fresh database with an outbox."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        for statement in filter(str.strip, outbox.SCHEMA.split(";")):
            connection.execute(statement.encode())
    return empty_database
