"""What a wallet operation leaves behind: its metrics, its log line, its span attributes."""

import re
import time
from types import TracebackType
from typing import Any, Self

import structlog
from opentelemetry import trace

from casino import metrics
from casino.database import OUTAGES
from casino.events import WalletEventType
from casino.money import Currency, convert_to_reporting, format_minor
from casino.problems import Code, ProblemError
from casino.tokens import Session
from vault.ledger import Booking

log = structlog.get_logger()

FUNDS = "cash"

_NUMBER = re.compile(r"[0-9.eE+-]{1,64}", re.ASCII)

# What the casino's rules refuse, as opposed to requests that are wrong; reasons of `casino.bet.rejected`.
RULES = frozenset({Code.INSUFFICIENT_FUNDS, Code.OVER_LIMIT, Code.WRONG_CURRENCY})


class Operation:
    """One wallet operation, as a context manager around its handling.

    A `ProblemError` that passes through gets the operation's fields for its log line; it is counted as
    rejected, every other exception as an error.

    Args:
        name: operation of the domain catalogue: balance, bet, win.
        provider: who asks.
    """

    def __init__(self, name: str, provider: str) -> None:
        self.name = name
        self.provider = provider
        self.currency: Currency | None = None
        self._fields: dict[str, Any] = {"event.name": f"wallet.{name}", "provider": provider}
        self._started = time.perf_counter()
        self._outcome = "ok"

    def describe(
        self,
        *,
        session: Session,
        transaction_id: str,
        round_id: str,
        game_id: str,
        currency: str,
        amount: object,
    ) -> None:
        """Say what was asked for, before anything can fail. The amount is the caller's, unchecked."""
        self._fields |= {
            "player.id": session.player_id,
            "session.id": session.session_id,
            "tx.id": transaction_id,
            "round.id": round_id,
            "game.id": game_id,
            "currency": currency,
            "amount_minor": _loggable(amount),
        }
        span = trace.get_current_span()
        for name in ("tx.id", "round.id", "game.id", "currency", "amount_minor"):
            if self._fields[name] is not None:
                span.set_attribute(f"casino.{name}", self._fields[name])

    def succeed(self, booking: Booking | None = None) -> None:
        """The operation was applied, or had been before."""
        if booking is None:
            return
        self._fields |= {
            "exponent": booking.movement.currency.exponent,
            "balance_minor": format_minor(booking.balance),
            "sequence": booking.sequence,
        }
        if booking.is_replayed:
            self._outcome = "replayed"
            metrics.wallet_replay.add(1, {"operation": self.name, "provider": self.provider})
        else:
            _count_money(booking)
        log.info(_message(self.name, booking), **self._fields, outcome=self._outcome)

    def count_conflict(self, field: str) -> None:
        """A transaction id came again with another `field`."""
        metrics.wallet_idempotency_conflict.add(
            1, {"operation": self.name, "provider": self.provider, "field": field}
        )
        self._fields["field"] = field

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        reason = "none"
        if isinstance(error, ProblemError):
            self._outcome, reason = "rejected", error.reason
            error.fields = {**self._fields, **error.fields}
            if self.name == WalletEventType.BET and error.code in RULES:
                metrics.bet_rejected.add(1, {"reason": reason})
        elif error is not None:
            self._outcome, reason = "error", "unavailable" if isinstance(error, OUTAGES) else "internal"
            # The problem's own line comes later and knows nothing of the transaction.
            log.error("wallet operation failed", **self._fields, outcome=self._outcome, reason=reason)
        attributes = {"operation": self.name, "outcome": self._outcome, "provider": self.provider}
        metrics.wallet_operation_duration.record(time.perf_counter() - self._started, attributes)
        currency = self.currency.value if self.currency else "unknown"
        metrics.wallet_operations.add(1, attributes | {"reason": reason, "currency": currency})


def _loggable(amount: object) -> str | None:
    """What looks like a number: whatever else a caller sent stays out of logs and spans."""
    return amount if isinstance(amount, str) and _NUMBER.fullmatch(amount) else None


def _count_money(booking: Booking) -> None:
    movement = booking.movement
    counter = metrics.bet_stake if movement.type is WalletEventType.BET else metrics.bet_payout
    dollars = convert_to_reporting(movement.amount, movement.currency).major
    counter.add(dollars, {"funds": FUNDS})


def _message(name: str, booking: Booking) -> str:
    if booking.is_replayed:
        return f"{name} was applied before"
    return "bet accepted" if booking.movement.type is WalletEventType.BET else "win paid"
