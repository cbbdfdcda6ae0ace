"""Vault on a database of its own per test module, without Kafka: the HTTP API and what it leaves behind."""

import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from pydantic import PostgresDsn, SecretStr

import vault
from casino import database, lifecycle, tokens
from casino.database import Database
from casino.lifecycle import Service
from vault import routes
from vault.ledger import Ledger
from vault.settings import VaultSettings

SECRET = SecretStr("secret of the tests, 32 characters long")
MIGRATIONS = Path(vault.__file__).parent / "migrations"


@pytest.fixture(scope="module")
def vault_database(postgres: str) -> Iterator[str]:
    """URL of a fresh database with Vault's schema and demo players; an ordinary role owns it."""
    name = f"vault_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'vault'").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
    server = httpx.URL(postgres)
    url = str(server.copy_with(username=name, password="vault", path=f"/{name}"))
    database.migrate(url, MIGRATIONS)
    yield url
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@dataclass
class Player:
    """A player with a session, as a client of the API."""

    client: httpx.AsyncClient
    id: str
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        token, _ = tokens.issue(self.id, SECRET)
        self.headers = {"Authorization": f"Bearer {token}"}

    def movement(self, **changes: Any) -> dict[str, Any]:
        """The body of a good bet over EUR 1.00 with other members; `...` takes one away."""
        body = {
            "player_id": self.id,
            "transaction_id": uuid.uuid4().hex,
            "round_id": "round-1",
            "game_id": "dice",
            "currency": "EUR",
            "amount_minor": "100",
        }
        return {name: value for name, value in (body | changes).items() if value is not ...}

    async def bet(self, **changes: Any) -> httpx.Response:
        return await self.client.post("/wallet/bet", json=self.movement(**changes), headers=self.headers)

    async def win(self, **changes: Any) -> httpx.Response:
        return await self.client.post("/wallet/win", json=self.movement(**changes), headers=self.headers)

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        """GET with the player's id and EUR as defaults."""
        query = {"player_id": self.id, "currency": "EUR"} | parameters
        return await self.client.get(path, params=query, headers=self.headers)

    async def balance(self, currency: str = "EUR") -> int:
        answer = await self.get("/wallet/balance", currency=currency)
        return int(answer.json()["balance_minor"])


@pytest.fixture
async def client(vault_database: str) -> AsyncIterator[httpx.AsyncClient]:
    """Vault's API, served in this process."""
    settings = VaultSettings(
        database_url=PostgresDsn(vault_database), kafka_bootstrap_servers="unused:1", session_secret=SECRET
    )
    store = Database(settings.database_dsn, "vault-test")
    service = Service(name="vault", settings=settings, checks={}, closers=(store.close,))
    await store.open()
    router = routes.create_router(Ledger(store), settings, lambda: None)
    app, health = lifecycle.create_app(service, [router])
    health.serving()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://vault", timeout=60) as client,
    ):
        yield client


@pytest.fixture
def player(client: httpx.AsyncClient, request: pytest.FixtureRequest) -> Player:
    """One of the demo players, another one for each test of a module."""
    number = next(_numbers(request))
    return Player(client, f"player-{number:04}")


def _numbers(request: pytest.FixtureRequest) -> Iterator[int]:
    module: Any = request.module
    if not hasattr(module, "_player_numbers"):
        module._player_numbers = itertools.cycle(range(1, 49))
    return module._player_numbers


@dataclass(frozen=True)
class Books:
    """What the database holds, read past the service."""

    url: str

    def fetch(self, query: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query, parameters).fetchall()

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that a request could have changed."""
        return {
            "player": self.fetch("SELECT id, sequence FROM player ORDER BY id"),
            "wallet": self.fetch("SELECT * FROM wallet ORDER BY account_id"),
            "transactions": self.fetch("SELECT id FROM ledger_transaction ORDER BY id"),
            "entries": self.fetch("SELECT id FROM ledger_entry ORDER BY id"),
            "outbox": self.fetch("SELECT id FROM outbox ORDER BY id"),
        }

    def violations(self) -> list[Any]:
        """Transactions that don't sum to zero, wallets that aren't their entries' sum, gaps in sequences."""
        return [
            *self.fetch(
                "SELECT ledger_transaction_id FROM ledger_entry"
                " GROUP BY 1 HAVING sum(amount) <> 0 OR count(*) < 2"
            ),
            *self.fetch(
                "SELECT w.player_id, w.currency FROM wallet w JOIN ledger_entry e USING (account_id)"
                " GROUP BY 1, 2, w.balance HAVING sum(e.amount) <> w.balance OR w.balance < 0"
            ),
            *self.fetch(
                "SELECT player_id FROM ledger_transaction WHERE player_sequence IS NOT NULL GROUP BY 1"
                " HAVING max(player_sequence) <> count(*)"
            ),
            *self.fetch(
                "SELECT t.id FROM ledger_transaction t LEFT JOIN outbox o ON o.event_id = t.event_id"
                " WHERE t.event_id IS NOT NULL AND o.id IS NULL"
            ),
        ]


@pytest.fixture
def books(vault_database: str) -> Iterator[Books]:
    """The database; after the test nothing in it may contradict itself."""
    result = Books(vault_database)
    yield result
    assert result.violations() == []
