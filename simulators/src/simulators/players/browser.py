"""A player's browser tab, as far as Room-Service sees it: one socket that connects again when it is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import socketio
import socketio.exceptions
import structlog

from casino import metrics
from simulators.players.screen import Screen

log = structlog.get_logger()

LONGEST_PAUSE_SECONDS = 10.0


class PlayerSocket:
    """Keeps a player connected and the screen up to date.

    Args:
        url: of Room-Service.
        player_id: whose socket it is.
        screen: what the pushes change.
        token: gives a session token; asked at every connection.
    """

    def __init__(self, url: str, player_id: str, screen: Screen, token: Callable[[], Awaitable[str]]) -> None:
        self._url = url
        self._player_id = player_id
        self._screen = screen
        self._token = token
        self._gone = asyncio.Event()
        self._client: Any = None

    async def stay_connected(self) -> None:
        """Connect, and connect again after a pause whenever the connection is lost. Ends when cancelled."""
        pause = 0.25
        try:
            while True:
                try:
                    await self._connect()
                except (socketio.exceptions.ConnectionError, OSError) as error:
                    fields = {
                        "event.name": "socket.connect",
                        "outcome": "error",
                        "player.id": self._player_id,
                    }
                    log.warning("socket not connected", **fields, error=str(error))
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                else:
                    pause = 0.25
                    await self._gone.wait()
                    await asyncio.sleep(pause)
        finally:
            await self._hang_up()

    async def say(self, text: str) -> None:
        """Write to the lobby; without a connection nothing is said."""
        if self._client is None or not self._client.connected:
            return
        fields = {"event.name": "chat.message", "player.id": self._player_id}
        try:
            answer = await self._client.call("chat", {"room": "lobby", "text": text}, timeout=5)
        except (socketio.exceptions.SocketIOError, OSError) as error:
            log.warning("chat not sent", **fields, outcome="error", error=type(error).__name__)
        else:
            code = answer.get("code", "ok") if isinstance(answer, dict) else "unknown"
            log.info("chat sent", **fields, outcome=code)

    async def _connect(self) -> None:
        await self._hang_up()
        self._gone.clear()
        # A client of its own per connection: the library's own reconnection gives up where we must not.
        client: Any = socketio.AsyncClient(reconnection=False)
        client.on("balance", self._on_balance)
        client.on("level_up", self._on_level_up)
        client.on("rewards", self._on_rewards)
        client.on("chat", self._on_chat)
        client.on("problem", self._on_problem)
        client.on("disconnect", self._on_disconnect)
        self._client = client
        token = await self._token()
        await client.connect(self._url, auth={"token": token}, transports=["websocket"], wait_timeout=10)
        log.info("socket connected", **{"event.name": "socket.connect", "player.id": self._player_id})

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.disconnect()

    async def _on_balance(self, data: Any) -> None:
        try:
            shown = self._screen.show_push(data)
        except ValueError:
            log.warning("push not understood", **{"event.name": "push.balance", "outcome": "error"})
            return
        self._received("balance", data, outcome="shown" if shown else "stale")

    async def _on_level_up(self, data: Any) -> None:
        self._received("level_up", data, outcome="shown")

    async def _on_rewards(self, data: Any) -> None:
        self._received("rewards", data, outcome="shown")

    async def _on_chat(self, data: Any) -> None:
        del data  # reads along

    async def _on_problem(self, data: Any) -> None:
        code = data.get("code") if isinstance(data, dict) else None
        log.warning("told about a problem", **{"event.name": "socket.problem", "code": code})

    async def _on_disconnect(self, reason: str) -> None:
        log.info(
            "socket lost",
            **{"event.name": "socket.disconnect", "player.id": self._player_id, "reason": reason},
        )
        self._gone.set()

    def _received(self, event: str, data: Any, outcome: str) -> None:
        """Measure from the ledger's entry to the screen."""
        try:
            latency = time.time() - datetime.fromisoformat(data["occurred_at"]).timestamp()
        except (TypeError, KeyError, ValueError):
            latency = None
        if latency is not None:
            metrics.realtime_delivery_latency.record(max(0.0, latency), {"event": event})
        fields = {"event.name": f"push.{event}", "player.id": self._player_id, "outcome": outcome}
        log.info("push received", **fields, sequence=data.get("sequence"), latency_seconds=latency)
