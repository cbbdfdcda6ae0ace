"""Turns events from Kafka into pushes to the player's sockets.

The consumer's thread hands each push to the event loop and waits until it is out, so that a player's pushes
keep the ledger's order. What the loop runs has the message's context: the push belongs to the bet's trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from casino import metrics
from casino.events import WALLET_EVENTS, RewardsEvent, WalletEvent, format_time
from casino.money import format_minor
from room_service.sockets import player_room

log = structlog.get_logger()

PUSH_TIMEOUT_SECONDS = 5.0

Emit = Callable[..., Awaitable[None]]
"""`AsyncServer.emit`: event, data, room."""

_EVENT_OF = {"progress": "rewards", "level_up": "level_up"}


def balance(event: WalletEvent) -> dict[str, Any]:
    """The payload of `balance`: the balance after the ledger's transaction `sequence`."""
    return {
        "currency": event.currency.value,
        "exponent": event.exponent,
        "balance_minor": format_minor(event.balance_minor),
        "sequence": event.player_sequence,
        "transaction_id": event.transaction_id,
        "type": event.type.value,
        "occurred_at": format_time(event.occurred_at),
    }


def standing(event: RewardsEvent) -> dict[str, Any]:
    """The payload of `level_up` and `rewards`; `sequence` is Concierge's own."""
    return {
        "tier": event.tier.value,
        "previous_tier": event.previous_tier.value,
        "next_tier": event.next_tier.value if event.next_tier else None,
        "volume_to_next_minor": format_minor(event.volume_to_next_minor),
        "vip_points": format_minor(event.vip_points),
        "sequence": event.player_sequence,
        "occurred_at": format_time(event.occurred_at),
    }


class Pusher:
    """Handles the messages of both topics; `bind` it to the event loop before messages come.

    Args:
        emit: sends to a room of the socket.io server; runs on the loop.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._loop: asyncio.AbstractEventLoop | None = None

    async def bind(self) -> None:
        """Push on the event loop that runs this."""
        self._loop = asyncio.get_running_loop()

    def handle(self, record: Any) -> None:
        """Push what one message says.

        Raises:
            InvalidEventError: the message is poison.
        """
        if record.topic == WALLET_EVENTS.name:
            wallet = WalletEvent.decode(record.value)
            self._push("balance", balance(wallet), wallet.player_id, wallet.transaction_id)
        else:
            rewards = RewardsEvent.decode(record.value)
            self._push(_EVENT_OF[rewards.type.value], standing(rewards), rewards.player_id, None)

    def reject(self, record: Any, reason: str) -> None:
        """Count a message that was given up; its reason is in the log."""
        del record, reason
        metrics.realtime_publish.add(1, {"event": "other", "outcome": "error"})

    def _push(self, event: str, data: dict[str, Any], player_id: str, transaction_id: str | None) -> None:
        assert self._loop is not None  # noqa: S101 - bound before the consumer starts
        pushing = asyncio.run_coroutine_threadsafe(self._emit_in_time(event, data, player_id), self._loop)
        fields = {"event.name": f"push.{event}", "player.id": player_id, "sequence": data["sequence"]}
        if transaction_id:
            fields["tx.id"] = transaction_id
        try:
            pushing.result(PUSH_TIMEOUT_SECONDS + 1)
        except TimeoutError:
            # The next push brings a newer balance: waiting longer would only make everybody's older.
            pushing.cancel()
            metrics.realtime_publish.add(1, {"event": event, "outcome": "dropped"})
            log.warning("push timed out", **fields, outcome="dropped")
        else:
            log.info("pushed", **fields, outcome="ok")

    async def _emit_in_time(self, event: str, data: dict[str, Any], player_id: str) -> None:
        async with asyncio.timeout(PUSH_TIMEOUT_SECONDS):
            await self._emit(event, data, room=player_room(player_id))
