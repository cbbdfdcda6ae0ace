"""Events that several services' tests put into topics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from casino.events import WalletEvent, WalletEventType
from casino.money import Currency, convert_to_reporting

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
