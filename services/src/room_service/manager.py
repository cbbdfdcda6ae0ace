"""The client manager that joins the nodes through Redis, and says what became of each push.

Every node hands a message to the sockets that it holds. The node that emits it learns from Redis how many
nodes got it; with nobody else there, an empty room means that the player has no socket.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

import socketio
import structlog

from casino import metrics

log = structlog.get_logger()

MEASURED = {"balance": "occurred_at", "level_up": "occurred_at", "rewards": "occurred_at", "chat": "sent_at"}
"""Events whose delivery is measured, with the member of their payload that holds their source's time."""

_CONNECT_TIMEOUT_SECONDS = 2.0
_LISTEN_AGAIN_SECONDS = 1.0
# Seconds, seconds, times.
_KEEPALIVE = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 2, socket.TCP_KEEPCNT: 3}


class RoomManager(socketio.AsyncRedisManager):
    """`AsyncRedisManager` that counts and measures deliveries.

    Args:
        url: of Redis, with its password.
    """

    def __init__(self, url: str) -> None:
        options = {
            "socket_connect_timeout": _CONNECT_TIMEOUT_SECONDS,
            "socket_keepalive": True,
            "socket_keepalive_options": _KEEPALIVE,
        }
        super().__init__(url, redis_options=options)

    async def close(self) -> None:
        """Stop listening to the other nodes and end the connections to Redis."""
        listener: asyncio.Task[None] | None = getattr(self, "thread", None)
        if listener is not None:
            listener.cancel()
            await asyncio.wait([listener], timeout=1)
        client: Any = self.redis
        if client is not None:
            await client.aclose()

    async def _redis_listen_with_retries(self) -> AsyncGenerator[Any, None]:
        """Yield what other nodes publish; python-socketio's own waits up to a minute after a long outage."""
        while True:
            try:
                self._redis_connect()
                pubsub: Any = self.pubsub
                await pubsub.subscribe(self.channel)
                async for message in pubsub.listen():
                    yield message
            except Exception as error:  # noqa: BLE001 - whatever it is, the node must listen again
                log.warning(
                    "redis lost, listening again",
                    **{"event.name": "redis.lost", "error.type": type(error).__name__},
                )
            await asyncio.sleep(_LISTEN_AGAIN_SECONDS)

    async def _handle_emit(self, message: dict[str, Any]) -> None:
        sockets = self._sockets(message)
        await super()._handle_emit(message)
        if sockets:
            _measure(message)

    async def _publish(self, data: dict[str, Any]) -> int | None:
        nodes = await super()._publish(data)
        if data.get("method") == "emit":
            if nodes is None:
                _count(data, "dropped")
            elif nodes <= 1 and not self._sockets(data):
                _count(data, "no_socket")
        return nodes

    def _sockets(self, message: dict[str, Any]) -> int:
        return sum(1 for _ in self.get_participants(message["namespace"], message["room"]))


def _measure(message: dict[str, Any]) -> None:
    """Count a delivery and record the time since its source's event."""
    _count(message, "delivered")
    member = MEASURED.get(message["event"])
    payload = message["data"][0] if message["data"] else None
    if member and isinstance(payload, dict) and isinstance(payload.get(member), str):
        latency = time.time() - datetime.fromisoformat(payload[member]).timestamp()
        attributes = {"event": message["event"]}
        metrics.realtime_delivery_latency.record(max(0.0, latency), attributes)


def _count(message: dict[str, Any], outcome: str) -> None:
    event = message["event"] if message["event"] in MEASURED else "other"
    metrics.realtime_publish.add(1, {"event": event, "outcome": outcome})
