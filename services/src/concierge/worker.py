"""Handles the messages of `wallet.events`: decode, apply, count, log."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import structlog
from opentelemetry import trace

from casino import metrics
from casino.database import KEEPALIVE, SESSION_OPTIONS
from casino.events import (
    EventReason,
    InvalidEventError,
    WalletEvent,
    WalletEventType,
)
from casino.money import REPORTING_CURRENCY, format_minor
from concierge.rewards import Applied, apply_bet

log = structlog.get_logger()

OUTAGES = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,
    psycopg.ProgrammingError,
)
"""What must be waited for. A missing table or right too: a wrong deployment must cost no rewards."""

_UNKNOWN = "unknown"


class RewardsWorker:
    """Applies wallet events; used by the consumer's thread only.

    Args:
        dsn: libpq URL of Concierge's database; a lost connection is opened again with the next message.
        published: called after each commit, so that the relay publishes at once.
    """

    def __init__(self, dsn: str, published: Callable[[], None]) -> None:
        self._dsn = dsn
        self._published = published
        self._connection: psycopg.Connection[Any] | None = None

    def handle(self, record: Any) -> None:
        """Apply one message of `wallet.events`.

        Raises:
            InvalidEventError: the message is poison.
            psycopg.Error: nothing was changed; see `OUTAGES` for what is worth another attempt.
        """
        event = WalletEvent.decode(record.value)
        if event.type is WalletEventType.BET:
            self._bet(event)
        else:
            _count(event.type, "applied", event.occurred_at)

    def reject(self, record: Any, reason: str) -> None:
        """Count a message that was given up; its reason is in the log."""
        del record, reason
        metrics.rewards_events.add(1, {"type": _UNKNOWN, "result": "rejected"})

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _bet(self, bet: WalletEvent) -> None:
        if bet.reporting_currency is not REPORTING_CURRENCY:
            raise InvalidEventError(EventReason.INVALID_FIELD, ("reporting_currency",))
        trace.get_current_span().set_attributes(
            {"casino.tx.id": bet.transaction_id, "casino.round.id": bet.round_id}
        )
        applied = self._apply(bet)
        if applied is None:
            _count(bet.type, "duplicate", bet.occurred_at)
            log.info("bet counted before", **_fields(bet, "duplicate"))
            return
        self._published()
        _count(bet.type, "applied", bet.occurred_at)
        _measure(bet, applied)
        log.info(
            "bet counted",
            **_fields(bet, "ok"),
            volume_minor=format_minor(applied.after.volume_minor),
            vip_points=format_minor(applied.after.vip_points),
            tier=applied.after.tier.value,
        )

    def _apply(self, bet: WalletEvent) -> Applied | None:
        try:
            return apply_bet(self._connected(), bet)
        except psycopg.DataError as error:
            raise InvalidEventError(EventReason.INVALID_AMOUNT, ("reporting_amount_minor",)) from error
        except OUTAGES:
            self.close()  # whatever state it is in: the next attempt gets a new one
            raise

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=3,
                application_name="concierge-consumer",
                options=SESSION_OPTIONS,
                **KEEPALIVE,
            )
        return self._connection


def _count(kind: WalletEventType, result: str, occurred_at: datetime) -> None:
    metrics.rewards_events.add(1, {"type": kind.value, "result": result})
    lag = time.time() - occurred_at.astimezone(UTC).timestamp()
    metrics.rewards_event_lag.record(max(0.0, lag), {"type": kind.value})


def _measure(bet: WalletEvent, applied: Applied) -> None:
    dollars = bet.reporting_amount_minor / 10**bet.reporting_exponent
    metrics.rewards_volume.add(dollars, {"contribution": "full"})
    points = applied.after.vip_points - applied.before.vip_points
    metrics.rewards_points.add(points, {"program": "vip", "cause": bet.type.value})
    if applied.after.tier is not applied.before.tier:
        attributes = {"tier.from": applied.before.tier.value, "tier.to": applied.after.tier.value}
        metrics.rewards_level_ups.add(1, attributes)


def _fields(bet: WalletEvent, outcome: str) -> dict[str, str]:
    return {
        "event.name": "rewards.bet",
        "outcome": outcome,
        "player.id": bet.player_id,
        "tx.id": bet.transaction_id,
        "round.id": bet.round_id,
        "currency": bet.reporting_currency.value,
        "amount_minor": format_minor(bet.reporting_amount_minor),
    }
