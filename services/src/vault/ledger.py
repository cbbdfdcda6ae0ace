"""The ledger: each movement of money is one database transaction, applied once.

A movement locks its player's row first. So a player's movements are one queue: the balance that is checked
is the balance that is changed, and the player's sequence numbers follow the order of commits.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg.errors
from psycopg.rows import DictRow, dict_row

from casino import outbox
from casino.database import Connection, Database
from casino.events import WalletEvent, WalletEventType
from casino.money import MAX_MINOR, Currency, convert_to_reporting

# Who asks for movements. One provider until there are game providers of their own.
PROVIDER = "casino"

LOCK_PLAYER: LiteralString = "SELECT sequence FROM player WHERE id = %(player_id)s FOR UPDATE"

# A statement of its own, after the lock: only then it sees what the last holder committed.
LOOK: LiteralString = """
SELECT w.balance, w.account_id, h.id AS house_account_id, l.max_stake,
    t.request_hash, t.type, t.player_id, t.currency, t.amount, t.round_id, t.game_id,
    t.player_sequence, t.balance_after, t.occurred_at
FROM (SELECT 1) AS one
LEFT JOIN wallet AS w ON w.player_id = %(player_id)s AND w.currency = %(currency)s
LEFT JOIN account AS h ON h.kind = 'house' AND h.currency = w.currency
LEFT JOIN stake_limit AS l ON l.currency = w.currency
LEFT JOIN ledger_transaction AS t ON t.provider = %(provider)s AND t.transaction_id = %(transaction_id)s
"""

BOOK: LiteralString = """
WITH moved AS (
    UPDATE wallet SET balance = balance + %(change)s
    WHERE player_id = %(player_id)s AND currency = %(currency)s AND balance + %(change)s >= 0
    RETURNING balance, account_id
), numbered AS (
    UPDATE player SET sequence = sequence + 1 WHERE id = %(player_id)s RETURNING sequence
), booked AS (
    INSERT INTO ledger_transaction (provider, transaction_id, request_hash, type, player_id, player_sequence,
        round_id, game_id, currency, amount, balance_after, event_id, occurred_at)
    SELECT %(provider)s, %(transaction_id)s, %(request_hash)s, %(type)s, %(player_id)s, numbered.sequence,
        %(round_id)s, %(game_id)s, %(currency)s, %(amount)s, moved.balance, %(event_id)s, %(occurred_at)s
    FROM moved, numbered
    RETURNING id
), entered AS (
    INSERT INTO ledger_entry (ledger_transaction_id, account_id, amount)
    SELECT booked.id, side.account_id, side.amount
    FROM booked, moved, LATERAL (VALUES
        (moved.account_id, %(change)s::numeric), (%(house_account_id)s, -%(change)s::numeric)
    ) AS side (account_id, amount)
)
SELECT moved.balance, numbered.sequence FROM moved, numbered
"""

HISTORY: LiteralString = """
SELECT id, transaction_id, type, round_id, game_id, amount, balance_after, player_sequence, occurred_at
FROM ledger_transaction
WHERE player_id = %(player_id)s AND currency = %(currency)s AND id < %(before)s
ORDER BY id DESC LIMIT %(limit)s
"""

# What is hashed and compared of a request, in this order.
COMPARED = ("type", "player_id", "currency", "amount", "round_id", "game_id")


class Refusal(StrEnum):
    """Why a movement is not applied."""

    UNKNOWN_PLAYER = "unknown_player"
    WRONG_CURRENCY = "wrong_currency"
    INVALID_AMOUNT = "invalid_amount"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    OVER_LIMIT = "over_limit"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"


class RefusedError(Exception):
    """A movement that is not applied; nothing was written. `field`: what differs, in a conflict."""

    def __init__(self, refusal: Refusal, field: str | None = None, balance: int | None = None) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.field = field
        self.balance = balance


@dataclass(frozen=True, slots=True)
class Movement:
    """A bet (money from the player to the house) or a win (the other way). `amount` in minor units."""

    type: WalletEventType
    player_id: str
    transaction_id: str
    round_id: str
    game_id: str
    currency: Currency
    amount: int
    provider: str = PROVIDER

    @property
    def change(self) -> int:
        """What it does to the player's balance, in minor units."""
        return -self.amount if self.type is WalletEventType.BET else self.amount

    @property
    def request_hash(self) -> bytes:
        """SHA-256 over all that the caller said: a retry has the same, a mistake another."""
        said = (str(getattr(self, name)) for name in COMPARED)
        return hashlib.sha256("\n".join(said).encode()).digest()


@dataclass(frozen=True, slots=True)
class Booking:
    """A movement as the ledger holds it. `balance`: minor units after it. `is_replayed`: applied before."""

    movement: Movement
    sequence: int
    balance: int
    occurred_at: datetime
    is_replayed: bool


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """A line of a wallet's history. `sequence` is None for the opening balance."""

    id: int
    transaction_id: str
    type: str
    round_id: str | None
    game_id: str | None
    amount: int
    balance: int
    sequence: int | None
    occurred_at: datetime


class Ledger:
    """Wallets and their history in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def knows(self, player_id: str) -> bool:
        """Whether there is such a player."""

        async def look(connection: Connection) -> bool:
            cursor = await connection.execute("SELECT 1 FROM player WHERE id = %s", (player_id,))
            return await cursor.fetchone() is not None

        return await self._database.run(look)

    async def apply(self, movement: Movement) -> Booking:
        """Apply a movement once; the same again gives the stored answer.

        Raises:
            RefusedError: a rule forbids it; nothing was written.
        """
        try:
            return await self._database.run(lambda connection: _apply(connection, movement))
        except psycopg.errors.UniqueViolation:
            # Another player's movement took the id meanwhile; now it is there to compare with.
            return await self._database.run(lambda connection: _apply(connection, movement))

    async def balance(self, player_id: str, currency: Currency) -> tuple[int, int]:
        """The wallet's balance in minor units, and the player's sequence that it belongs to.

        Raises:
            RefusedError: no such player or no such wallet.
        """

        async def look(connection: Connection) -> tuple[Any, ...] | None:
            cursor = await connection.execute(
                "SELECT p.sequence, w.balance FROM player AS p"
                " LEFT JOIN wallet AS w ON w.player_id = p.id AND w.currency = %s WHERE p.id = %s",
                (currency.value, player_id),
            )
            return await cursor.fetchone()

        row = await self._database.run(look)
        if row is None:
            raise RefusedError(Refusal.UNKNOWN_PLAYER)
        if row[1] is None:
            raise RefusedError(Refusal.WRONG_CURRENCY)
        return int(row[1]), row[0]

    async def history(
        self, player_id: str, currency: Currency, limit: int, before: int
    ) -> Sequence[HistoryItem]:
        """The newest `limit` lines with an id below `before`, newest first.

        Raises:
            RefusedError: no such player or no such wallet.
        """
        await self.balance(player_id, currency)

        async def look(connection: Connection) -> list[DictRow]:
            async with connection.cursor(row_factory=dict_row) as cursor:
                parameters = {"player_id": player_id, "currency": currency.value}
                await cursor.execute(HISTORY, parameters | {"limit": limit, "before": before})
                return await cursor.fetchall()

        return [
            HistoryItem(
                id=row["id"],
                transaction_id=row["transaction_id"],
                type=row["type"],
                round_id=row["round_id"],
                game_id=row["game_id"],
                amount=int(row["amount"]),
                balance=int(row["balance_after"]),
                sequence=row["player_sequence"],
                occurred_at=row["occurred_at"],
            )
            for row in await self._database.run(look)
        ]


async def _apply(connection: Connection, movement: Movement) -> Booking:
    parameters: dict[str, Any] = {
        "provider": movement.provider,
        "transaction_id": movement.transaction_id,
        "request_hash": movement.request_hash,
        "type": movement.type.value,
        "player_id": movement.player_id,
        "round_id": movement.round_id,
        "game_id": movement.game_id,
        "currency": movement.currency.value,
        "amount": movement.amount,
        "change": movement.change,
    }
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(LOCK_PLAYER, parameters)
        if await cursor.fetchone() is None:
            raise RefusedError(Refusal.UNKNOWN_PLAYER)
        await cursor.execute(LOOK, parameters)
        state = await cursor.fetchone()
        assert state is not None  # noqa: S101 - "SELECT 1" always has a row
        if state["request_hash"] is not None:
            return _replay(movement, state)
        _check(movement, state)
        # The time is taken under the lock, so that it grows with the sequence.
        event_id, occurred_at = uuid4(), datetime.now(UTC)
        parameters |= {
            "house_account_id": state["house_account_id"],
            "event_id": event_id,
            "occurred_at": occurred_at,
        }
        await cursor.execute(BOOK, parameters)
        booked = await cursor.fetchone()
        if booked is None:
            raise RefusedError(Refusal.INSUFFICIENT_FUNDS, balance=int(state["balance"]))
        booking = Booking(
            movement=movement,
            sequence=booked["sequence"],
            balance=int(booked["balance"]),
            occurred_at=occurred_at,
            is_replayed=False,
        )
        await outbox.write(cursor, _event(booking, event_id))
        return booking


def _replay(movement: Movement, state: DictRow) -> Booking:
    if bytes(state["request_hash"]) != movement.request_hash:
        # amount: the column is a Decimal, its text the same as the int's
        field = next((n for n in COMPARED if str(state[n]) != str(getattr(movement, n))), "other")
        raise RefusedError(Refusal.IDEMPOTENCY_CONFLICT, field=field)
    return Booking(
        movement=movement,
        sequence=state["player_sequence"],
        balance=int(state["balance_after"]),
        occurred_at=state["occurred_at"],
        is_replayed=True,
    )


def _check(movement: Movement, state: DictRow) -> None:
    if state["balance"] is None:
        raise RefusedError(Refusal.WRONG_CURRENCY)
    balance = int(state["balance"])
    if movement.type is WalletEventType.WIN:
        if balance + movement.amount > MAX_MINOR:
            raise RefusedError(Refusal.INVALID_AMOUNT)
        return
    if movement.amount == 0:
        raise RefusedError(Refusal.INVALID_AMOUNT)
    # No limit set means that nothing may be staked: a forgotten row must not open the till.
    if state["max_stake"] is None or movement.amount > int(state["max_stake"]):
        raise RefusedError(Refusal.OVER_LIMIT)
    if movement.amount > balance:
        raise RefusedError(Refusal.INSUFFICIENT_FUNDS, balance=balance)


def _event(booking: Booking, event_id: UUID) -> WalletEvent:
    movement = booking.movement
    reporting = convert_to_reporting(movement.amount, movement.currency)
    return WalletEvent(
        type=movement.type,
        event_id=event_id,
        player_id=movement.player_id,
        player_sequence=booking.sequence,
        transaction_id=movement.transaction_id,
        round_id=movement.round_id,
        game_id=movement.game_id,
        currency=movement.currency,
        exponent=movement.currency.exponent,
        amount_minor=movement.amount,
        balance_minor=booking.balance,
        reporting_currency=reporting.currency,
        reporting_amount_minor=reporting.minor,
        reporting_exponent=reporting.currency.exponent,
        reporting_rate=reporting.rate,
        occurred_at=booking.occurred_at,
    )
