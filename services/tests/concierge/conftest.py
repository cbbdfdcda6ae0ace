"""A migrated database per test, and wallet events to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from casino.database import migrate
from casino.events import WalletEvent, WalletEventType
from casino.money import Currency, convert_to_reporting
from concierge.app import MIGRATIONS

Bet = Callable[..., WalletEvent]


@pytest.fixture
def bet() -> Bet:
    """Makes the event of a bet: `bet(1000)` is EUR 10.00 of player-0001."""
    sequence = 0

    def make(
        amount: int,
        player: str = "player-0001",
        currency: Currency = Currency.EUR,
        kind: WalletEventType = WalletEventType.BET,
        **changes: Any,
    ) -> WalletEvent:
        nonlocal sequence
        sequence += 1
        reporting = convert_to_reporting(amount, currency)
        fields: dict[str, Any] = {
            "type": kind,
            "event_id": uuid4(),
            "player_id": player,
            "player_sequence": sequence,
            "transaction_id": str(uuid4()),
            "round_id": str(uuid4()),
            "game_id": "dice",
            "currency": currency,
            "exponent": currency.exponent,
            "amount_minor": amount,
            "balance_minor": 0,
            "reporting_currency": reporting.currency,
            "reporting_amount_minor": reporting.minor,
            "reporting_exponent": reporting.currency.exponent,
            "reporting_rate": Decimal(reporting.rate),
            "occurred_at": datetime.now(UTC),
        }
        return WalletEvent(**fields | changes)

    return make


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
